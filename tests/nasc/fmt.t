#!/bin/sh
# fmt.t: nasc fmt as a command: what it replaces, refuses and leaves alone.
# Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0
without_data=1
. tests/nasc/tap.sh

printf 'let a=[1,2]// two\n\n\n\nlet b=a' >"$own/crooked.nas"
printf 'let a = [1, 2]  // two\n\nlet b = a\n' >"$own/straight.nas"
printf 'let a = [1,\nlet b = 2\n' >"$own/wrong.nas"
cp "$own/wrong.nas" "$own/wrong.kept"
cp "$own/crooked.nas" "$own/linked.nas"
ln -s linked.nas "$own/link.nas"
chmod 640 "$own/linked.nas"

ends 1 "$NASC" fmt --check "$own/crooked.nas" "$own/straight.nas" && says crooked.nas &&
    ! says straight.nas
verdict $? "--check names what is laid out differently"

ends 0 "$NASC" fmt --check "$own/straight.nas" && [ ! -s "$own/said" ]
verdict $? "--check is silent where nothing differs"

ends 0 "$NASC" fmt "$own/straight.nas" "$own/crooked.nas" &&
    cmp "$own/straight.nas" "$own/crooked.nas"
verdict $? "several files are laid out"

ends 1 "$NASC" fmt "$own/wrong.nas" "$own/straight.nas" && says "wrong.nas:1:12: error" &&
    cmp "$own/wrong.nas" "$own/wrong.kept"
verdict $? "a file with a mistake is not touched, and the mistake is shown"

ends 0 "$NASC" fmt "$own/link.nas" && [ -L "$own/link.nas" ] &&
    cmp "$own/straight.nas" "$own/linked.nas" && ls -l "$own/linked.nas" >"$own/said" &&
    says "-rw-r-----"
verdict $? "a link stays a link, and a file keeps its permissions"

printf 'let a=[1,2]// two\n\n\n\nlet b=a' | ends 0 "$NASC" fmt - &&
    cmp "$own/said" "$own/straight.nas"
verdict $? "standard input goes to standard output"

ends 1 "$NASC" fmt "$own/none.nas" && says "none.nas cannot be read: no such file"
verdict $? "a file that is not there is named"

ends 2 "$NASC" fmt && says '"fmt" needs FILE...'
verdict $? "without a file it is a mistake of usage"

: >"$own/empty.nas"
ends 0 "$NASC" fmt "$own/empty.nas" && [ ! -s "$own/empty.nas" ]
verdict $? "an empty file stays empty"

ends 0 "$NASC" fmt --check examples/*/*.nas
verdict $? "the examples are laid out so"

echo "1..$number"
