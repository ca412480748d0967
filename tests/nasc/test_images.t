#!/bin/sh
# test_images.t: no test image is read before the final evaluation: without them, everything but
# that is done, and the run ends there with a message.
# Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0
. tests/nasc/tap.sh
spec=tests/nasc/quick.nas

mkdir -p "$own/data/fashion-mnist"
for file in "$data"/fashion-mnist/train-*; do
    ln -s "$file" "$own/data/fashion-mnist"
done
# The system's own folder must not help out: the task of this spec names its files by a new name.
mkdir "$own/spec"
sed 's|"fashion-mnist/|"fashion-apart/|' stdlib/std/tasks.nas >"$own/spec/tasks.nas"
mv "$own/data/fashion-mnist" "$own/data/fashion-apart"
sed -e "s|\"../../examples/fashion/fashion.nas\"|\"$PWD/examples/fashion/fashion.nas\"|" \
    -e 's|task:      fashion|task:      apart|' $spec >"$own/spec/quick.nas"
sed -n '/^task fashion/,/^}/p' "$own/spec/tasks.nas" | sed 's/^task fashion/task apart/' \
    >>"$own/spec/quick.nas"

ends 3 "$NASC" build "$own/spec/quick.nas" -o "$own/out" --data "$own/data" -q &&
    says "t10k-images"
verdict $? "without test images a build goes as far as their evaluation, and says what it lacks"

[ -s "$own/out/firmware/tiny.c" ]
verdict $? "the network was trained, searched and emitted"

ln -s "$data"/fashion-mnist/t10k-* "$own/data/fashion-apart"
ends 0 "$NASC" build "$own/spec/quick.nas" -o "$own/out" --data "$own/data" -q && says "proven:"
verdict $? "once they are there, the same command finishes"

echo "1..$number"
