#!/usr/bin/perl
# counts.t: the numbers of members of the examples, against what a person works out who has read
# the text of each and of the blocks that it uses.
# Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0
use strict;
use warnings;
use Math::BigInt;

my $nasc = $ENV{NASC} || 'build/nasc';

sub big { return Math::BigInt->new(shift) }

# A stage of up to three blocks, the first with `first` members, each other with `other`.
sub stage {
    my ($first, $other) = @_;
    return $first * (1 + $other + $other**2);
}

# fashion: 3 widths, 2 kernels; two stages of 1 to 3 mbconvs, each of 2 expansions, 2 kernels,
# weights of 2 * 3 * 2 formats.
my $mbconv = big(2 * 2 * 2 * 3 * 2);
my $fashion = 3 * 2 * stage($mbconv, $mbconv)**2;

# ha_nas: formats (w, a) of an operator with w <= a: 2 with a = i4, 3 with i8, 4 with i16. An mbconv
# has 3 kernels, 3 expansions, three such operators; with squeeze and excite two more and two
# operators with a format of their own; one more where it adds its input. In the third stage the
# first block does so where its width is that of the second: in 1 of 9 cases, 30 channels.
my $pairs = 2 + 3 + 4;
my $block = big($pairs)**3 * (1 + $pairs**2 * 3**2) * 3 * 3;
my $body = stage($block, 3 * $block);
my $ha_nas = 3 * 3 * (3 * $body) * (8 * $body * $body + $body * 3 * $body) * $pairs * 3;

# aligned: 5 widths, 2 poolings, 2 to 4 levels of three kinds of blocks. Two blocks on each level
# going down, and at the lowest; a convolution, a concatenation and two blocks coming up; one
# convolution at the end. Of two blocks the first changes the channels, so it cannot add its input:
# an mbconv adds nothing then, a residual has a convolution for it.
my $op = 3 * 2;
my $aligned = big(0);
for my $two ($op**2, $op**3 * $op**3 * 2, $op**3 * 2 * $op**2 * 2) {
    $aligned += big($two)**($_ + 1) * big($op * 2 * $two)**$_ for 2 .. 4;
}
$aligned *= 5 * 2 * $op;

# spiking: weights of 2 convolutions, 2 encoders of 6 dense layers, 1 dense layer; membranes of 2
# and 2 * 10 layers of neurons.
my $spiking = big(5)**(2 + 2 * 6 + 1) * big(2)**(2 + 2 * 10);

my @counts = (
    ['fashion/fashion', 'search frontier', $fashion],
    ['ha_nas/ha_nas', 'search joint', $ha_nas],
    ['aligned/aligned', 'search aligned', $aligned],
    ['spiking/spiking', 'search greedy_bits', $spiking],
    ['toolbox/toolbox', 'search compact', big(3 + 2 + 2)],
    ['leo/leo', 'network observer', big(1)],
    ['import/import', 'search small', undef],
);

my $number = 0;
for (@counts) {
    my ($file, $head, $count) = @$_;
    my ($line) = grep { /^\Q$head\E\b/ } split /\n/, `$nasc space examples/$file.nas 2>/dev/null`;
    my $wanted = defined $count ? ", $count member" : 'counted once it is imported';
    my $right = defined $line && index($line, $wanted) >= 0;
    printf "%s %d - %s\n", $right ? 'ok' : 'not ok', ++$number, $file;
    print "# $line\n# not $wanted\n" if defined $line && !$right;
}
print "1..$number\n";
