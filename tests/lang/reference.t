#!/bin/sh
# reference.t: doc/language.md holds what the tables of the language hold: its tables of keys and
# metrics are made from them (tests/run -u reference writes them anew), and every operator,
# attribute, unit, format and word of the grammar stands in it; nasc help knows the words that it
# sends people to.
# Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0
cd "$(dirname "$0")/../.." || exit 3
scratch=$(mktemp -d) || exit 3
trap 'rm -rf "$scratch"' EXIT
page=doc/language.md

echo 1..6
perl tests/lang/reference.pl >"$scratch/page" || exit 3
[ -z "$UPDATE" ] || cp "$scratch/page" $page
diff $page "$scratch/page" >"$scratch/said" || printf 'not '
echo "ok 1 - the tables of keys and metrics are those of today"
sed 's/^/# /' "$scratch/said"

# spellings FILE MACRO FIELD: the first string of each row
spellings() {
    sed -n "s/^$2([^\"]*\"\\([^\"]*\\)\".*/\\1/p" "$1"
}
missing=
words="$(spellings net/operators.def OPERATOR | sed '/^input$/d') $(spellings lang/kinds.def KIND)
    $(spellings net/axes.def AXIS) $(spellings net/attributes.def ATTRIBUTE)
    $(spellings lang/units.def UNIT)"
for word in $words; do
    grep -qE "(^|[^a-zA-Z_])$word([^a-zA-Z_]|\$)" $page || missing="$missing $word"
done
[ -z "$missing" ] && [ "$(echo "$words" | wc -w)" -gt 70 ] || printf 'not '
echo "ok 2 - every operator, kind, axis, attribute and unit is named"
[ -z "$missing" ] || echo "# missing:$missing"

# Every terminal of parser.y that is a word or a sign stands in quotes in the grammar.
set -f
sed -n '/^```ebnf/,/^```$/p' $page >"$scratch/grammar"
missing=
for sign in $(sed -n 's/^TOKEN([A-Z_]*, "`\([^`]*\)`".*/\1/p' lang/tokens.def); do
    grep -qF "\"$sign\"" "$scratch/grammar" || missing="$missing $sign"
done
[ -z "$missing" ] && [ -s "$scratch/grammar" ] || printf 'not '
echo "ok 3 - the grammar has every word and sign"
[ -z "$missing" ] || echo "# missing:$missing"

missing=
for word in task device fleet search split emit experiment network block precision use \
    choice conv supernet ram miou astar; do
    "$NASC" help "$word" >/dev/null 2>&1 || missing="$missing $word"
done
[ -z "$missing" ] || printf 'not '
echo "ok 4 - nasc help knows the words of the language"
[ -z "$missing" ] || echo "# unknown:$missing"

# limit FILE NAME: the number that a constant of lang/ has, as the manual writes it
limit() {
    sed -n "s/.*\b$2 = \([0-9]*\)\( << \([0-9]*\)\)\{0,1\}.*/\1 \3/p" "lang/$1" |
        awk '{ n = $1 * 2 ^ $2
               while (n > 999) { t = sprintf(",%03d%s", n % 1000, t); n = int(n / 1000) }
               print n t; exit }'
}
sed -n '/^| limit |/,/^$/p' $page >"$scratch/limits"
missing=
for constant in evaluate.c:MAX_STEPS graphs.c:MAX_OPS choices.c:MAX_CHOICES choices.c:MAX_VALUES \
    elaborate.c:MAX_CONSTRAINTS elaborate.h:JOINT_LIMIT choices.c:MAX_RANGE elaborate.c:MAX_REPEAT \
    calls.c:MAX_CALLS calls.c:MAX_PARAMETERS functions.c:MAX_PARTS graphs.c:MAX_EXTENT \
    graphs.c:MAX_WINDOW syntax.c:MAX_DEPTH syntax.c:MAX_SEGMENTS declare.c:MAX_VALUES \
    declare.c:MAX_BASES modules.c:MAX_SOURCES modules.c:MAX_SOURCE_BYTES; do
    number=$(limit "${constant%:*}" "${constant#*:}")
    [ -n "$number" ] && grep -qE "[^0-9,]$number([^0-9,]|,? )" "$scratch/limits" ||
        missing="$missing $constant=$number"
done
[ -z "$missing" ] || printf 'not '
echo "ok 5 - the limits are those of the code"
[ -z "$missing" ] || echo "# missing:$missing"

sed -n '/^```nas/,/^```$/p' $page >"$scratch/examples"
missing=
for word in $(spellings net/operators.def OPERATOR | sed '/^input$/d') \
    $(spellings lang/kinds.def KIND) require forbid legal named subset optional implies step; do
    grep -qE "(^|[^a-zA-Z_])$word([^a-zA-Z_]|\$)" "$scratch/examples" || missing="$missing $word"
done
[ -z "$missing" ] && [ -s "$scratch/examples" ] || printf 'not '
echo "ok 6 - every operator, kind and condition stands in an example"
[ -z "$missing" ] || echo "# missing:$missing"
