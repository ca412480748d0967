#!/bin/sh
# build.t: what configure says and writes, in a folder of its own; what embed embeds; what dist
# packs.
# Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0
root=$PWD
own=$(mktemp -d) || exit 1
unset MAKEFLAGS MFLAGS MAKELEVEL BUILD
trap 'rm -rf "$own"' EXIT
mkdir "$own/tree"
cp configure Makefile "$own/tree"
cd "$own/tree" || exit 1
number=0

# verdict STATUS NAME: a test passes where the status is 0; else it shows what was said
verdict() {
    number=$((number + 1))
    if [ "$1" = 0 ]; then
        echo "ok $number - $2"
    else
        echo "not ok $number - $2"
        sed 's/^/# /' "$own/said" | tail -n 30
    fi
}

# ends STATUS COMMAND...: whether the command ends so
ends() {
    wanted=$1
    shift
    "$@" >"$own/said" 2>&1
    [ $? = "$wanted" ]
}

says() { grep -qF -e "$1" "$own/said"; }

ends 0 ./configure --help && says --install-deps
verdict $? "help is given"

ends 1 ./configure --nonsense && says "unknown option --nonsense" && [ ! -e config.mk ]
verdict $? "an unknown option is refused"

ends 1 ./configure --prefix relative && says "absolute path"
verdict $? "a relative prefix is refused"

# With nothing but the core utilities there is no compiler, and each thing missing is named.
mkdir "$own/bare"
for tool in cat mktemp rm cp cmp touch id dirname; do
    ln -s "$(command -v $tool)" "$own/bare/$tool"
done
shell=$(command -v dash || command -v sh)
ends 1 env PATH="$own/bare" "$shell" ./configure && says "nasc cannot be built here" &&
    says re2c && says sqlite3 && [ ! -e config.mk ]
verdict $? "a bare system is told what is missing"

ends 1 ./configure --cc "$own/none" && says "does not work" && [ ! -e config.mk ]
verdict $? "a compiler that does not work is named"

ends 0 ./configure --prefix=/opt/nasc --data "$own" --without-llvm && says "Next: make demo" &&
    grep -q '^PREFIX = /opt/nasc$' config.mk &&
    grep -q "^#define NASC_DATA_DIR \"$own\"" config.h &&
    grep -q '^#define HAVE_LLVM 0' config.h
verdict $? "a configuration is written as asked"

cp -p config.h before && ends 0 ./configure --prefix=/opt/nasc --data "$own" --without-llvm &&
    [ ! config.h -nt before ] && cmp -s config.h before
verdict $? "the same configuration again changes no file"

# What is embedded comes out byte for byte, bytes above 127 and quotes among it.
mkdir -p stdlib/std
cp "$root/stdlib/embed" "$root/stdlib/embedded.h" stdlib
printf 'let s = "\\n"\t// \303\251 ?%%d\n' >stdlib/std/one.nas
: >stdlib/std/two.nas
cat >show.c <<'END'
#include <stdio.h>
#include "stdlib/embedded.h"
int main(void)
{
    for (int i = 0; i < embedded_count; i++) {
        printf("%s %d %d\n", embedded_library[i].name, embedded_library[i].length,
               embedded_library[i].text[embedded_library[i].length]);
        fwrite(embedded_library[i].text, 1, (size_t)embedded_library[i].length, stdout);
    }
    return 0;
}
END
sh stdlib/embed stdlib/std/one.nas stdlib/std/two.nas >embedded.c &&
    ends 0 "${CC:-cc}" -std=gnu11 -Wall -Wextra -Werror -I. show.c embedded.c -o show &&
    ends 0 ./show && {
    echo "std/one $(wc -c <stdlib/std/one.nas | tr -d ' ') 0"
    cat stdlib/std/one.nas
    echo "std/two 0 0"
} | cmp -s - "$own/said"
verdict $? "embedded text comes out byte for byte"

ends 0 make dist && tar -tzf build/nasc-*.tar.gz >"$own/said" && says /configure &&
    ! says config.mk && ! says build
verdict $? "a tree without git is packed without what was made in it"

ends 2 make -C "$own/tree" demo
verdict $? "a build that cannot be is a failure"

echo "1..$number"
