#!/bin/sh
# resume.t: kill -9 at random moments, then the same command: the files are those of an undisturbed
# run. KILLS moments are tried (default 4).
# Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0
. tests/nasc/tap.sh
spec=${SPEC:-tests/nasc/quick.nas}

began=$(date +%s%N)
ends 0 "$NASC" build "$spec" -o "$own/whole" -q
verdict $? "an undisturbed run"
took=$((($(date +%s%N) - began) / 1000000))

for moment in $(seq "${KILLS:-4}"); do
    # moments spread over the run, each moved by chance within its part
    chance=$(od -An -N2 -tu2 /dev/urandom)
    after=$(((took * (moment - 1) + chance * took / 65536) / ${KILLS:-4}))
    rm -rf "$own/killed"
    "$NASC" build "$spec" -o "$own/killed" -q >/dev/null 2>&1 &
    child=$!
    sleep "$(printf '%d.%03d' $((after / 1000)) $((after % 1000)))"
    kill -9 $child 2>/dev/null
    wait $child 2>/dev/null
    ends 0 "$NASC" build "$spec" -o "$own/killed" -q && same "$own/whole" "$own/killed"
    verdict $? "killed after $after ms of about $took: the same files in the end"
done

# Earlier and earlier, should the machine be so fast today that the run was over.
for part in 3 6 12 24; do
    rm -rf "$own/stopped"
    "$NASC" build "$spec" -o "$own/stopped" -q >/dev/null 2>"$own/said" &
    child=$!
    sleep "$(printf '%d.%03d' $((took / part / 1000)) $((took / part % 1000)))"
    kill -INT $child 2>/dev/null
    wait $child
    ended=$?
    [ $ended = 130 ] && break
done
[ $ended = 130 ] && says "the same command goes on"
verdict $? "SIGINT ends it with 130 and a word"
ends 0 "$NASC" build "$spec" -o "$own/stopped" -q && same "$own/whole" "$own/stopped"
verdict $? "and the same command goes on to the same files"

echo "1..$number"
