# reference.pl: prints doc/language.md with its tables of keys and metrics as keys.def,
# net/metrics.def and results.def have them today.
# Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0
use strict;
use warnings;

sub text_of { local (@ARGV, $/) = (shift); return <> }

# The rows of one macro: its arguments, C strings joined.
sub rows {
    my ($file, $macro) = @_;
    my $string = qr/"(?:[^"\\]|\\.)*"/;
    my @rows;
    my $text = text_of($file);
    while ($text =~ /^$macro\(((?:$string|[^()"])*)\)/gm) {
        my ($inside, @row) = ($1);
        while ($inside =~ /\G\s*((?:$string\s*)+|[^,"]+?)\s*(?:,|$)/g) {
            my $cell = $1;
            $cell = join '', map { s/^"|"$//gr =~ s/\\(.)/$1/gr } $cell =~ /$string/g
                if $cell =~ /^"/;
            push @rows, [@row = ()] if !@row;
            push @{$rows[-1]}, $cell;
            push @row, $cell;
        }
    }
    return @rows;
}

sub cell { return shift =~ s/\|/\\|/gr }

sub keys_of {
    my $table = "| key | default | |\n|---|---|---|\n";
    for my $row (rows('lang/keys.def', 'KEY')) {
        my ($kind, $key, $type, $many, $of, $initial, $engine, $documentation) = @$row;
        next if $kind ne $_[0];
        my $default = $initial eq '' ? '' : $initial eq '!' ? 'must be given' : "`$initial`";
        my $more = $many eq 'MANY' ? '; may be several' : '';
        $table .= "| `$key` | $default | " . cell("$documentation$more")
            . ($engine eq '' ? '' : '; no engine yet') . " |\n";
    }
    return $table;
}

sub metrics {
    my $table = "| metric | |\n|---|---|\n";
    $table .= "| `$$_[1]` | " . cell($$_[4]) . " |\n" for rows('net/metrics.def', 'METRIC');
    for (rows('lang/results.def', 'RESULT')) {
        $table .= "| `$$_[0]` | " . cell($$_[6]) . ($$_[5] eq '' ? '' : '; no engine yet') . " |\n";
    }
    return $table;
}

my $page = text_of('doc/language.md');
$page =~ s{(<!-- ([A-Z]+): from .*? -->\n).*?(?=<!-- end -->)}
          {$1 . "\n" . ($2 eq 'METRICS' ? metrics() : keys_of($2)) . "\n"}gse;
print $page;
