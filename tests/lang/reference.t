#!/bin/sh
# reference.t: the example that opens doc/language.md is a file that nasc accepts, and nasc help
# knows the words that the reference sends people to.
# Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0
scratch=$(mktemp -d) || exit 3
trap 'rm -rf "$scratch"' EXIT

awk '/^## /{exit} sub(/^    /, "") || /^$/' doc/language.md >"$scratch/opening.nas"

echo 1..2
if [ "$(wc -l <"$scratch/opening.nas")" -gt 15 ] &&
    "$NASC" check "$scratch/opening.nas" >"$scratch/said" 2>&1; then
    echo "ok 1 - the opening example is accepted"
else
    echo "not ok 1 - the opening example is accepted"
    sed 's/^/# /' "$scratch/said"
fi

missing=
for word in task device fleet search split emit experiment network block precision use \
    choice conv supernet ram miou astar; do
    "$NASC" help "$word" >/dev/null 2>&1 || missing="$missing $word"
done
if [ -z "$missing" ]; then
    echo "ok 2 - nasc help knows the words of the language"
else
    echo "not ok 2 - nasc help knows the words of the language"
    echo "# unknown:$missing"
fi
