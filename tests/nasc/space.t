#!/bin/sh
# space.t: what `nasc space` says of the files in tests/nasc/space: the text and the exit status of
# each, against its golden file. Devices there are cost-only, so that no figure of a table is in it.
# Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0
own=$(mktemp -d) || exit 1
trap 'rm -rf "$own"' EXIT
number=0

# golden FILE COMMAND...: what the command says is what the file holds
golden() {
    number=$((number + 1))
    file=$1
    shift
    "$@" >"$own/said" 2>&1
    echo "exit $?" >>"$own/said"
    [ -z "$UPDATE" ] || cp "$own/said" "$file"
    if diff -u "$file" "$own/said" >"$own/differs" 2>&1; then
        echo "ok $number - ${file##*/}"
    else
        echo "not ok $number - ${file##*/}"
        sed 's/^/# /' "$own/differs"
    fi
}

for spec in tests/nasc/space/*.nas; do
    golden "${spec%.nas}.txt" "$NASC" space "$spec"
done
golden tests/nasc/space/limits.json "$NASC" space tests/nasc/space/limits.nas --json

# An infeasible file says so with its exit status; nothing else is printed as JSON.
"$NASC" space tests/nasc/space/too_few_parameters.nas --json >"$own/said" 2>&1
status=$?
number=$((number + 1))
if [ $status = 4 ] && grep -q '"message": *"empty: ' "$own/said"; then
    echo "ok $number - an empty space as JSON"
else
    echo "not ok $number - an empty space as JSON"
    sed 's/^/# /' "$own/said"
fi
echo "1..$number"
