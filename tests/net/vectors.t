#!/bin/sh
# vectors.t: the committed vectors are those that make_vectors.py makes.
# Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0
echo 1..1
name="vectors.txt is what make_vectors.py makes"
if ! python3 -c 'import sys; sys.exit(sys.version_info < (3, 9))' 2>/dev/null; then
    echo "ok 1 - $name # SKIP there is no python3 of 3.9 or later"
elif python3 tests/net/make_vectors.py | cmp - tests/net/vectors.txt; then
    echo "ok 1 - $name"
else
    echo "not ok 1 - $name"
fi
