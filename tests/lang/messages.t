#!/usr/bin/perl
# messages.t: every message that lang can give stands in a golden answer of tests/lang/errors: each
# string of its sources that is made of words, with anything where it has a placeholder.
# Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0
use strict;
use warnings;

# Sources and tables that print what is no answer to a mistake.
my %elsewhere =
    map { $_ => 1 } map { "lang/$_.c" } qw(help hover print library tables);
my $tables = qr/^(?:static )?const (?:Function|char \*const) (?:functions|roots)\[\].*?^\};/ms;

# What no file of a few lines can bring about.
my %unreached = map { $_ => 1 } (
    'nasc: no key %s in keys.def\n',         # a fault of ours
    'tokens.def and %token differ',          # likewise
    '%.*s: laid out anew it would mean something else',
    'more than %d files are used',           # needs as many files
    'a key takes at most %d values',         # needs as many values
    'a file has at most %d declarations',    # needs as many lines
    'the defaults',                          # the name of a text of ours
    '%.*s has no engine yet: %s',            # said when it is to run: tests/nasc/examples.t
    'some bits',                             # a word of the language
    'the end of the file',                   # its end of line is missed before it
    'the deviation must be above zero',      # said when a task is read for training
    'there are too many rules for the %d operators of `%.*s`',
);

sub slurp {
    my ($path) = @_;
    open my $file, '<', $path or die "$path: $!";
    local $/;
    return <$file>;
}

# Literals that follow one another are one. Comments may hold quotes, strings `//`.
sub strings {
    my ($text) = @_;
    $text =~ s/$tables//g;
    $text =~ s{("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)+')|/\*.*?\*/|//[^\n]*}{$1 // ' '}gse;
    $text =~ s/^\s*#.*$//gm;
    $text =~ s/'(?:[^'\\\n]|\\.)+'/ /g;
    my @found;
    push @found, join '', $1 =~ /"((?:[^"\\]|\\.)*)"/g
        while $text =~ /((?:"(?:[^"\\\n]|\\.)*"\s*)+)/g;
    return @found;
}

my $placeholder = qr/%[-0-9]*(?:\.\*)?(?:ll)?[a-z]|\$[abfg]/;

sub pattern {
    my ($string) = @_;
    $string =~ s/\\n//g;
    $string =~ s/\\(.)/$1/g;
    my $pattern = join '.*', map { s/%%/%/gr } map { quotemeta s/%%/%/gr }
        split $placeholder, $string, -1;
    return qr/$pattern/;
}

my $said = join "\n",
    map { /: (?:error|warning|note): (.*)/ ? $1 : () }
    map { split /\n/, slurp($_) } glob 'tests/lang/errors/*.err';

my ($count, @missing) = (0);
for my $path (glob 'lang/*.c lang/*.re lang/*.y') {
    next if $elsewhere{$path};
    for my $string (strings(slurp($path))) {
        next unless $string =~ s/$placeholder//gr =~ /[a-z]{2}.* .*[a-z]{2}/;
        next if $unreached{$string};
        $count++;
        push @missing, "$path: $string" unless $said =~ pattern($string);
    }
}

print "1..1\n";
print "# $count messages, ", scalar(@missing), " of them in no golden answer\n";
print "# $_\n" for @missing;
print @missing || $count < 200 ? 'not ' : '', "ok 1 - every message stands in a golden answer\n";
