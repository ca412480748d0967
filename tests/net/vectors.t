#!/bin/sh
# vectors.t: the committed vectors are those that the scripts beside them make.
# Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0
echo 1..2
number=0
for stem in vectors operator_vectors; do
    number=$((number + 1))
    name="$stem.txt is what make_$stem.py makes"
    if ! python3 -c 'import sys; sys.exit(sys.version_info < (3, 9))' 2>/dev/null; then
        echo "ok $number - $name # SKIP there is no python3 of 3.9 or later"
    elif python3 -B "tests/net/make_$stem.py" | cmp - "tests/net/$stem.txt"; then
        echo "ok $number - $name"
    else
        echo "not ok $number - $name"
    fi
done
