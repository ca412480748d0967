#!/bin/sh
# pipeline.t: the main job on a sliver of data: build, then every compiler and emulator at hand
# against the interpreter; the frozen network compiles again to the same bytes.
# Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0
. tests/nasc/tap.sh
spec=tests/nasc/quick.nas
one=$own/one

ends 0 "$NASC" build $spec -o "$one" --threads 2 -q && says "Pareto front" && says "proven:"
verdict $? "a network is trained, searched, emitted and proven on all test images"

advised=$(sed -n 's/^ *\(cc .* && .\/a.out\) .*/\1/p' "$own/said")
ends 0 sh -c "cd '$own' && $advised" && says "4 of 4 vectors equal"
verdict $? "the self-test runs as the build advises"

ends 0 "$NASC" build "$one/firmware/tiny.nas" -o "$own/again" -q
verdict $? "the frozen network compiles, from its weights alone"
again=0
for file in tiny.c tiny.h tiny_weights.c tiny_test.c tiny_report.json tiny.nas tiny.weights; do
    cmp "$one/firmware/$file" "$own/again/firmware/$file" >"$own/said" 2>&1 || again=1
done
verdict $again "to the same bytes"

ends 0 "$NASC" build $spec -o "$own/two" --threads 1 -q
same "$one" "$own/two"
verdict $? "one thread and two give the same files"

# proves NAME IMAGES COMPILER [RUNNER]
proves() {
    ends 0 "$NASC" verify "${frozen:-$one/firmware/tiny.nas}" -o "$own/v" --cc "$3" \
        ${4:+--runner "$4"} --images "$2" -q && says "equals the interpreter's"
    verdict $? "$1: every byte of $2 images"
}
proves "the C compiler, -O0" 1000 "$CC -O0"
proves "the C compiler, -O3" 1000 "$CC -O3"
if [ -n "$CLANG" ]; then
    proves "clang -O3" 1000 "$CLANG -O3"
    proves "clang -O3, sanitised" 1000 \
        "$CLANG -O3 -fsanitize=address,undefined -fno-sanitize-recover=all"
else
    echo "ok $((number += 1)) # SKIP clang is not here"
    echo "ok $((number += 1)) # SKIP clang is not here"
fi
if [ -n "$BIG_CC" ]; then
    # Cortex-M's kernels are for its own byte order; the same network in portable C is for any.
    frozen=$own/again/firmware/big.nas
    big='device big : cortex_m4 {\n    isa: "portable"\n    table: ""\n}'
    sed -e "s/^emit firmware/$big\n\n&/" \
        -e 's/device:  cortex_m4/device:  big/' "$own/again/firmware/tiny.nas" >"$frozen"
    proves "a big-endian machine" 200 "$BIG_CC -O2" "$BIG_RUN"
    frozen=
else
    echo "ok $((number += 1)) # SKIP no compiler for a big-endian machine is here"
fi
if [ -n "$ARM_CC" ] && [ -n "$QEMU_ARM" ]; then
    ends 0 "$NASC" verify "$one/firmware/tiny.nas" -o "$own/v" --images 20 -q &&
        says "equals the interpreter's"
    verdict $? "an emulated Cortex-M4: every byte of 20 images"
else
    echo "ok $((number += 1)) # SKIP no Cortex-M compiler or emulator is here"
fi

echo "1..$number"
