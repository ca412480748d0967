#!/bin/sh
# refused.t: operators that cannot be trained, or have no kernel, are refused at their line, and the
# networks that have them can be checked all the same.
# Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0
own=$(mktemp -d) || exit 1
trap 'rm -rf "$own"' EXIT
number=0

# refuses COMMAND OPERATOR CALL WIDTH [PRECISION]
refuses() {
    number=$((number + 1))
    cat >"$own/net.nas" <<END
use std/tasks
use std/devices
network net(image: [28, 28, 1]) -> [10] {
    let a = image |> conv($4, kernel: 3, stride: 2) |> batch_norm
    let b = a |> conv(8, kernel: 3)
    let x = $3
    return x |> dense(10)
}
precision of net { *: weights = i8$5 }
device floating: host { weights: i8, f32; activations: i8, f32 }
search s {
    network: net
    task: fashion
    device: floating
    maximize: accuracy
    minimize: flash
    train: supernet(epochs: 1)
}
END
    what="$1: $2$5"
    [ "$1" = build ] && sed -i '/^search/,$d' "$own/net.nas"
    verdict="not ok"
    if { [ "$1" = search ] || "$NASC" check "$own/net.nas" >"$own/said" 2>&1; } &&
        ! "$NASC" "$1" "$own/net.nas" -o "$own/out" -q >"$own/said" 2>&1 &&
        grep -q "net.nas:[46]:.*error: .*$2" "$own/said"; then
        verdict=ok
    fi
    echo "$verdict $number - $what is refused at its line"
    [ "$verdict" = ok ] || sed 's/^/# /' "$own/said" | head -n 4
}

width="choice(8, 16)"
for curve in hard_sigmoid hard_swish sigmoid tanh silu gelu softmax layer_norm flatten; do
    refuses search $curve "b |> $curve" "$width"
done
refuses search mul "mul(b, b)" "$width"
refuses search concat "concat(b, b)" "$width"
refuses search slice "b |> slice(4)" "$width"
refuses search pad "b |> pad(top: 1)" "$width"
refuses search upsample "b |> upsample(factor: 2)" "$width"
refuses search channel_shuffle "b |> channel_shuffle(groups: 2)" "$width"
refuses search reshape "b |> reshape(8, height: 7, width: 28)" "$width"
floats=", activations = i8; conv, dense: weights = f32, activations = f32"
refuses build f32 "b |> relu" 8 "$floats"
refuses search floats "b |> relu" "choice(8, 16)" "$floats"

# Time is measured on this machine, or counted by an emulator: not elsewhere.
number=$((number + 1))
cat >"$own/net.nas" <<END
use std/tasks
use std/devices
network net(image: [28, 28, 1]) -> [10] {
    return image |> conv(choice(8, 16), kernel: 3, stride: 2) |> global_average |> dense(10)
}
search s {
    network: net
    task: fashion
    device: cortex_a53
    maximize: accuracy
    minimize: latency
    train: supernet(epochs: 1)
}
END
verdict="not ok"
if "$NASC" check "$own/net.nas" >"$own/said" 2>&1 &&
    ! "$NASC" build "$own/net.nas" -o "$own/out" -q >"$own/said" 2>&1 &&
    grep -q "net.nas:9:13: error: the time of cortex_a53 can be measured" "$own/said"; then
    verdict=ok
fi
echo "$verdict $number - a device whose time is not known here is refused at its line"
[ "$verdict" = ok ] || sed 's/^/# /' "$own/said" | head -n 4
echo "1..$number"
