#!/bin/sh
# llvm.t: a network through LLVM: its object, linked with the self-test that is emitted with the C,
# gives the same bytes; text and assembly can be asked for; without LLVM, or for no machine, that
# is said.
# Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0
. tests/nasc/tap.sh
cat >"$own/net.nas" <<'END'
nas 1
network tiny(image: [12, 12, 3]) -> [5] {
    x = image |> conv(8, kernel: 3, stride: 2) |> relu
    x = x |> depthwise(kernel: 3) |> relu
    return x |> global_average |> dense(5)
}
END

if ! grep -q '^#define HAVE_LLVM [1-9]' config.h; then
    ends 3 "$NASC" emit "$own/net.nas" --emit=object && says "which this nasc was built without"
    verdict $? "a nasc without LLVM says so"
    echo "1..$number"
    exit
fi

ends 0 "$NASC" emit "$own/net.nas" -o "$own/out" -q
verdict $? "the network is emitted as C"

# linked NAME COMPILER RUNNER OPTION...: the object of those options in place of the C
linked() {
    name=$1 compiler=$2 runner=$3
    shift 3
    "$NASC" emit "$own/net.nas" -q --emit=object "$@" >"$own/net.o" 2>"$own/said" &&
        $compiler -DTINY_TEST_MAIN "$own"/out/*/tiny_test.c "$own/net.o" -o "$own/test" \
            >"$own/said" 2>&1 && ends 0 $runner "$own/test" && says "4 of 4 vectors equal"
    verdict $? "its object gives the same bytes on $name"
}

linked "this machine" "$CC" ""
if [ -n "$BIG_CC" ]; then
    linked "a big-endian machine" "$BIG_CC" "$BIG_RUN" --triple "${BIG_CC%%-gcc*}"
fi

ends 0 "$NASC" emit "$own/net.nas" -q --emit=llvm && says "define void @tiny_run(ptr"
verdict $? "LLVM's text"
ends 0 "$NASC" emit "$own/net.nas" -q --emit=assembly --triple aarch64-linux-gnu && says "tiny_run:"
verdict $? "assembly for another machine"
ends 2 "$NASC" emit "$own/net.nas" -q --emit=object --triple no-such-machine &&
    says "does not know the target no-such-machine"
verdict $? "a target that LLVM does not know"
echo "1..$number"
