#!/bin/sh
# outputs.t: networks whose outputs are of each format that a tensor can have, of even and odd
# numbers of classes: the emitted self-test agrees with the interpreter.
# Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0
own=$(mktemp -d) || exit 1
trap 'rm -rf "$own"' EXIT
number=0

# agrees FORMAT CLASSES, by $compiler
agrees() {
    number=$((number + 1))
    cat >"$own/net.nas" <<END
network net(image: [8, 8, 3]) -> [$2] {
    x = image |> conv(5, kernel: 3, stride: 2) |> relu
    return add(x, x |> conv(5, kernel: 1)) |> global_average |> dense($2)
}
precision of net { *: weights = i4, activations = $1 }
END
    if "$NASC" build "$own/net.nas" -o "$own/out" -q >"$own/said" 2>&1 &&
        $compiler -O3 -DNET_TEST_MAIN "$own"/out/net/net*.c -o "$own/test" >>"$own/said" 2>&1 &&
        "$own/test" >>"$own/said" 2>&1; then
        echo "ok $number - $2 outputs of $1 by $compiler"
    else
        echo "not ok $number - $2 outputs of $1 by $compiler"
        sed 's/^/# /' "$own/said" | tail -n 3
    fi
}

for compiler in ${CC:-cc} $CLANG; do
    for format in i4 i8 i16; do
        agrees $format 10
        agrees $format 7
    done
done
echo "1..$number"
