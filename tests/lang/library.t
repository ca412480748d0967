#!/bin/sh
# library.t: doc/library.md names every module of the library and what each declares but for parts,
# and its examples are files that nasc accepts; the library is laid out as nasc fmt would.
# Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0
scratch=$(mktemp -d) || exit 3
trap 'rm -rf "$scratch"' EXIT
cd "$(dirname "$0")/../.." || exit 3

# A block of indented lines is a file; one that begins with `use` begins another.
awk -v folder="$scratch" '
    /^    use / && !more { file = folder "/" ++count ".nas" }
    /^    / { print substr($0, 5) >file; more = /^    use / ; next }
    NF { more = 0 }' doc/library.md

echo 1..4
refused=
for example in "$scratch"/*.nas; do
    "$NASC" check "$example" >"$scratch/said" 2>&1 || refused="$refused $(basename "$example")"
done
examples=$(ls "$scratch"/*.nas | wc -l)
[ -z "$refused" ] && [ "$examples" -ge 5 ] || printf 'not '
echo "ok 1 - $examples examples are accepted"
[ -z "$refused" ] || echo "# refused:$refused"

missing=
for module in $("$NASC" help std | sed -n 's/^  \(std[^ ]*\) .*/\1/p'); do
    grep -q "\`$module\`" doc/library.md || missing="$missing $module"
done
for name in $("$NASC" help std/devices | sed -n 's/^device \([a-z0-9_]*\).*/\1/p') \
    $("$NASC" help std/tasks | sed -n 's/^task \([a-z0-9_]*\).*/\1/p'); do
    grep -q "\`$name\`" doc/library.md || missing="$missing $name"
done
[ -z "$missing" ] || printf 'not '
echo "ok 2 - every module, task and device is named"
[ -z "$missing" ] || echo "# missing:$missing"

unknown=
for name in $(sed -n '/^| module/,/^$/p; /^| device/,/^$/p' doc/library.md |
    grep -o '`[a-z0-9_/]*`' | tr -d '`'); do
    "$NASC" help "$name" >/dev/null 2>&1 || unknown="$unknown $name"
done
[ -z "$unknown" ] || printf 'not '
echo "ok 3 - what the tables name is declared"
[ -z "$unknown" ] || echo "# unknown:$unknown"

"$NASC" fmt --check stdlib/std/*.nas >"$scratch/said" 2>&1 || printf 'not '
echo "ok 4 - the library is laid out in the one way"
sed 's/^/# /' "$scratch/said"
