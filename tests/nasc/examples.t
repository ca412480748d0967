#!/bin/sh
# examples.t: every example is right and its space counted; what nothing in nasc does yet, build
# names at its place, and nothing else.
# Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0
without_data=1
. tests/nasc/tap.sh

for file in examples/*/*.nas; do
    "$NASC" check "$file" >"$own/said" 2>&1 && grep -q "no mistakes found" "$own/said"
    verdict $? "$file is right"
    "$NASC" space "$file" >"$own/said" 2>&1 # costs may want the device's table: a count does not
    grep -q -e "[0-9] member" -e "counted once it is imported" "$own/said"
    verdict $? "$file is counted"
done

# refuses NAME WORD...: build says of these, and of nothing else, that they have no engine.
refuses() {
    name=$1
    shift
    "$NASC" build "examples/$name/$name.nas" -o "$own/out" >"$own/said" 2>&1
    code=$?
    sed -n "s|^examples/$name/$name.nas:[0-9]*:[0-9]*: error: \(.*\) has no engine yet: ..*|\1|p" \
        "$own/said" | sort -u >"$own/named"
    printf '%s\n' "$@" | sort -u >"$own/wanted"
    [ $code = 1 ] && [ ! -e "$own/out" ] && cmp -s "$own/named" "$own/wanted" &&
        [ "$(grep -c error: "$own/said")" = "$(grep -c 'has no engine yet' "$own/said")" ]
    verdict $? "build says what examples/$name lacks"
}

refuses aligned '`miou`' '`bit_serial`' '`experiment`' '`png`' '`dice`' \
    'a task without `labels:`'
refuses ha_nas '`energy`' '`bit_serial`' '`experiment`' '`predictor`' '`rank`' '`fits`' \
    '`greedy`' 'a second device' 'a search of what a search found'
refuses import '`onnx`' '`npy`' '`calibrate`' '`none`' '`greedy`' '`obj`' \
    'a task without `labels:`' 'a limit that calculates'
refuses leo '`split`' '`experiment`'
refuses spiking '`pretrained`' '`greedy`' '`beam`' '`experiment`' 'a limit that calculates'
refuses toolbox '`from_scratch`' '`distill`' '`compress`' '`evolution`'
echo "1..$number"
