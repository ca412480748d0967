#!/bin/sh
# broken.t: broken data sets, studies, outputs, machines and command lines: each through the
# real command, with what it says and its exit code beside in broken/NAME.txt. UPDATE=1 writes
# those anew.
# Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0
own=$(mktemp -d) || exit 1
trap 'rm -rf "$own"' EXIT
unset NASC_DATA
chmod 755 "$own"
number=0
goldens=tests/nasc/broken
system=$(sed -n 's/^#define NASC_DATA_DIR *"\([^"]*\)".*/\1/p' config.h)
t=$own/t # the folder of the present case
spec=$t/small.nas

result() {
    number=$((number + 1))
    echo "$1 $number - $2"
}

skip() {
    number=$((number + 1))
    echo "ok $number - $1 # SKIP $2"
}

# compare NAME: $own/said against the golden file; the folder of the case is DIR in it.
# What costs and accuracies come to is left out: code generation and the machine have a say.
compare() {
    sed -e "s|$t|DIR|g" -e "s|$own|OWN|g" -e "s|$system|SYSTEM|g" -e '/^s: /d' \
        -e '/ holds for .* % of them/d' -e 's/ is [0-9.]* \([a-zA-Z]*\), and/ is N \1, and/' \
        -e 's/ by [0-9.]* %/ by N %/' "$own/said" >"$own/now"
    echo "exit $code" >>"$own/now"
    [ -z "$UPDATE" ] || cp "$own/now" "$goldens/$1.txt"
    if cmp -s "$own/now" "$goldens/$1.txt"; then
        result ok "$1"
    else
        result "not ok" "$1"
        diff "$goldens/$1.txt" "$own/now" | sed 's/^/# /'
    fi
}

# broken NAME COMMAND...: what the command says on standard error, and its exit code.
broken() {
    name=$1
    shift
    "$@" 2>"$own/said" >/dev/null </dev/null
    code=$?
    compare "$name"
}

# ---- a sound start ---------------------------------------------------------------------

number4() {
    for byte in $(($1 >> 24)) $(($1 >> 16 & 255)) $(($1 >> 8 & 255)) $(($1 & 255)); do
        printf "\\$(printf %03o $byte)"
    done
}

# images COUNT SIDE: noise; the upper half is brighter in even images, the lower in odd ones.
images() {
    printf '\000\000\010\003'
    number4 "$1"
    number4 "$2"
    number4 "$2"
    LC_ALL=C awk -v count="$1" -v side="$2" 'BEGIN {
        r = 1
        for (i = 0; i < count; i++)
            for (p = 0; p < side * side; p++) {
                r = (r * 1103 + 12345) % 65536
                bright = int(2 * p / (side * side)) == i % 2
                printf "%c", 33 + 45 * bright + r % 47
            }
    }'
}

# labels COUNT: 0 and 1 by turns
labels() {
    printf '\000\000\010\001'
    number4 "$1"
    for i in $(seq $(($1 / 2))); do printf '\000\001'; done
}

# poke FILE OFFSET OCTAL: one byte made another
poke() { printf "\\$3" | dd of="$1" bs=1 seek="$2" conv=notrunc 2>/dev/null; }

# cut_to FILE BYTES
cut_to() { head -c "$2" "$1" >"$1.cut" && mv "$1.cut" "$1"; }

mkdir "$own/sound"
cp $goldens/small.nas "$own/sound"
images 120 8 | gzip -9n >"$own/sound/images.gz"
labels 120 >"$own/sound/labels"
images 40 8 >"$own/sound/test-images"
labels 40 >"$own/sound/test-labels"

# The data and the spec as they should be, once more.
again() {
    rm -rf "$t"
    cp -r "$own/sound" "$t"
}

nasc() {
    command=$1
    shift
    "$NASC" "$command" "$spec" -o "$t/out" -q "$@"
}
build() { nasc build --threads 1 "$@"; }

again
if build >"$own/said" 2>&1; then
    result ok "nothing is broken at first"
else
    result "not ok" "nothing is broken at first"
    sed 's/^/# /' "$own/said"
fi
cp -r "$t/out" "$own/out" # a whole study, and a frozen network

# ---- data ------------------------------------------------------------------------------

again
cut_to "$t/images.gz" 2000
broken images-gzip-cut build

again
poke "$t/images.gz" 1000 377
broken images-gzip-damaged build

again
printf more >>"$t/images.gz"
broken images-gzip-with-more build

again
images 120 8 >"$t/images.gz"
poke "$t/images.gz" 0 211
broken images-wrong-magic build

again
images 120 8 >"$t/images.gz"
poke "$t/images.gz" 2 015
broken images-of-floats build

again
: >"$t/images.gz"
broken images-empty-file build

again
images 0 8 >"$t/images.gz"
broken images-none build

again
images 120 8 >"$t/images.gz" && cut_to "$t/images.gz" 10
broken images-cut-in-header build

again
images 120 8 >"$t/images.gz" && cut_to "$t/images.gz" 5000
broken images-cut build

again
images 120 8 >"$t/images.gz"
poke "$t/images.gz" 4 177
broken images-of-absurd-count build

again
rm "$t/images.gz" && mkdir "$t/images.gz"
broken images-a-directory build

again
images 120 7 >"$t/images.gz"
broken images-of-another-size build

again
poke "$t/labels" 30 002
broken label-out-of-range build

again
labels 118 >"$t/labels"
broken labels-too-few build

again
images 120 8 >"$t/labels"
broken labels-are-images build

again
rm "$t/labels"
broken labels-missing build --data "$own/nowhere"

again
fetch='fetch: "Small is made by broken.t (5 kB, SHA-256 00ff).", "Name its folder with --data."'
sed -i "s|^    loss:|    $fetch\n&|" "$spec"
rm "$t/images.gz"
broken images-missing-and-how-to-fetch build

again
broken data-names-no-folder build --data "$own/nowhere"
broken data-names-a-file build --data "$spec"

again
poke "$t/test-labels" 10 011
broken test-label-out-of-range build

again
images 40 9 >"$t/test-images"
broken test-images-of-another-size build

again
rm "$t/test-images"
broken test-images-missing build

again
sed -i 's|"top", "bottom"|"top", "bottom", "left"|' "$spec"
broken more-labels-than-classes build

again
sed -i -e 's|\[2\]|[3]|' -e 's|dense(2)|dense(3)|' "$spec"
broken more-classes-than-labels build

again
images 6 8 >"$t/images.gz" && labels 6 >"$t/labels"
sed -i 's|25 % of|1 % of|' "$spec"
broken validate-share-of-nothing build

# ---- studies ---------------------------------------------------------------------------

# The sound study.
study() {
    again
    mkdir "$t/out"
    cp "$own/out/study.db" "$t/out"
}

study
poke "$t/out/study.db" 63 011
broken study-of-another-version build
broken study-of-another-version-listed nasc study

study
poke "$t/out/study.db" 68 000
broken study-of-another-program build

study
echo "no study at all" >"$t/out/study.db"
broken study-garbage build

study
cut_to "$t/out/study.db" 50
broken study-cut-in-header build

study
cut_to "$t/out/study.db" 5000
broken study-cut-in-page build

study
cut_to "$t/out/study.db" 4096
broken study-cut-after-page build

study
rm "$t/out/study.db" && mkdir "$t/out/study.db"
broken study-a-directory build

# place FILE TEXT: the offset of its first occurrence
place() { grep -abo -e "$2" "$1" | head -n 1 | cut -d: -f1; }

study
poke "$t/out/study.db" $(($(place "$t/out/study.db" nascSN) + 200)) 377
broken study-weights-damaged build

study
poke "$t/out/study.db" "$(place "$t/out/study.db" nascSN)" 000
broken study-weights-foreign build

study
poke "$t/out/study.db" $(($(place "$t/out/study.db" '"accuracy": ') + 14)) 071
broken study-design-damaged build

study
rm "$t/out/study.db"
broken study-missing nasc study

# A training without end, in the background, for which the shell ignores SIGINT; the
# command hears it again.
again
sed -i 's|epochs: 2,|epochs: 1000000,|' "$spec"
# begin: runs it until it has made its study
begin() {
    "$NASC" build "$spec" -o "$t/out" --threads 1 -q 2>"$own/said" >/dev/null </dev/null &
    child=$!
    for moment in $(seq 100); do
        [ -e "$t/out/study.db" ] && break
        sleep 0.05
    done
    sleep 0.2
}
# stop SIGNAL NAME
stop() {
    kill "$1" $child
    wait $child
    code=$?
    compare "$2"
}
begin
cp "$own/said" "$own/kept"
broken study-in-use build
broken study-in-use-listed nasc study
cp "$own/kept" "$own/said"
stop -INT interrupted-by-int
begin
stop -TERM interrupted-by-term

# ---- outputs ---------------------------------------------------------------------------

again
: >"$t/out"
broken output-is-a-file build

again
broken output-below-a-file build -o "$spec/out"

study
mkdir -p "$t/out/e/small.c"
broken output-file-is-a-directory build

# What root may do anyway is tried as someone else.
anyone() { setpriv --reuid 65534 --regid 65534 --clear-groups "$@"; }
if [ "$(id -u)" != 0 ]; then
    anyone() { "$@"; }
fi
cp "$NASC" "$own/nasc"
if anyone "$own/nasc" --version >/dev/null 2>&1; then
    again
    chmod 555 "$t"
    broken output-read-only anyone "$own/nasc" build "$spec" -o "$t/out" -q
    chmod 755 "$t"

    study
    chmod 444 "$t/out/study.db"
    chmod 555 "$t/out"
    broken study-read-only anyone "$own/nasc" build "$spec" -o "$t/out" -q
    chmod 755 "$t/out"

    again
    chmod 000 "$t/images.gz"
    mkdir -m 777 "$t/out"
    broken images-not-readable anyone "$own/nasc" build "$spec" -o "$t/out" -q
    chmod 000 "$spec"
    broken file-not-readable anyone "$own/nasc" check "$spec"
else
    for name in output-read-only study-read-only images-not-readable file-not-readable; do
        skip $name "root, and no setpriv here"
    done
fi

# limited BLOCKS COMMAND...: no file may grow beyond so many times 512 bytes.
limited() {
    (
        ulimit -f "$1"
        shift
        "$@"
    )
}
again
broken files-limited limited 8 build

again
mkdir "$t/disk"
if mount -t tmpfs -o size=16k tmpfs "$t/disk" 2>"$own/said"; then
    broken disk-full-at-the-study build -o "$t/disk/out"
    umount "$t/disk"
    study
    mkdir "$t/out/e"
    mount -t tmpfs -o size=16k tmpfs "$t/out/e"
    broken disk-full-at-the-code build
    umount "$t/out/e"
else
    skip disk-full-at-the-study "no file system can be mounted here"
    skip disk-full-at-the-code "no file system can be mounted here"
fi

again
broken memory-too-little build --memory 100KiB

# ---- machines --------------------------------------------------------------------------

alone() { env PATH="$own/nowhere" "$NASC" "$@"; }
study
broken compiler-missing-at-the-proof alone build "$spec" -o "$t/out" -q
study
broken compiler-missing-at-verify nasc verify --cc no-such-compiler
broken runner-missing-at-verify nasc verify --cc cc --runner no-such-runner
broken compiler-that-fails nasc verify --cc false
broken program-that-fails nasc verify --cc cc --runner false
again
sed -i 's|cortex_m4|host|' "$spec"
broken compiler-missing-at-profiling alone build "$spec" -o "$t/out" -q

# ---- limits that nothing meets ---------------------------------------------------------

again
sed -i 's|<= 64 KiB|<= 1 KiB|' "$spec"
broken limit-on-flash build
broken limit-on-flash-in-space "$NASC" space "$spec" -q
again
sed -i 's|flash <= 64 KiB|ram <= 8 B, latency <= 1 us|' "$spec"
broken limits-on-ram-and-latency build
again
sed -i 's|flash <= 64 KiB|accuracy >= 101 %|' "$spec"
broken limit-on-accuracy build

# ---- frozen networks -------------------------------------------------------------------

# The sound frozen network, in the present folder.
frozen() {
    again
    cp "$own/out/e/small.nas" "$own/out/e/small.weights" "$t"
}

frozen
rm "$t/small.weights"
broken weights-missing build
frozen
: >"$t/small.weights"
broken weights-empty build
frozen
cut_to "$t/small.weights" 200
broken weights-cut build
frozen
poke "$t/small.weights" 100 377
broken weights-damaged build
frozen
poke "$t/small.weights" 0 000
broken weights-foreign build
frozen
poke "$t/small.weights" 8 007
broken weights-of-another-version build
frozen
poke "$t/small.weights" 12 007
broken weights-of-another-arithmetic build
frozen
sed -i 's|relu(conv_0)|relu6(conv_0)|' "$spec"
broken weights-of-another-network build
frozen
sed -i 's|kernel: 3|kernel: 5|' "$spec"
broken weights-of-another-kernel build
frozen
rm "$t/small.weights" && mkdir "$t/small.weights"
broken weights-a-directory build
frozen
sed -i '/^ *task: /d' "$spec"
broken verify-without-task nasc verify

# ---- command lines ---------------------------------------------------------------------

again
broken no-command "$NASC"
broken command-unknown "$NASC" biuld "$spec"
broken command-unlike-any "$NASC" frobnicate
broken option-unknown nasc build --thread 2
broken option-of-another-command "$NASC" check "$spec" --seed 1
broken option-unlike-any nasc build -z
broken option-without-value "$NASC" build "$spec" -o
broken option-with-a-value "$NASC" check "$spec" --json=yes
broken file-not-given "$NASC" build
broken files-two "$NASC" check "$spec" "$spec"
broken file-missing "$NASC" check "$t/none.nas"
broken file-a-directory "$NASC" check "$t"
broken file-empty "$NASC" check /dev/null
for command in build space train search emit verify; do
    broken "nothing-to-$command" "$NASC" $command /dev/null
done
broken threads-of-words nasc build --threads two
broken threads-negative nasc build --threads -1
broken threads-too-many nasc build --threads 100000
broken memory-of-words nasc build --memory much
broken memory-zero nasc build --memory 0
broken seed-of-words nasc build --seed x
broken seed-too-large nasc build --seed 99999999999999999999
broken images-of-verify-negative nasc verify --images -5
broken library-names-nothing "$NASC" check "$spec" --library "$own/nowhere"
broken topic-unknown "$NASC" help frobnicate
broken topic-near "$NASC" help convv
for command in build check space emit; do
    broken "emit-nonsense-$command" "$NASC" $command "$spec" --emit=nonsense
done
broken emit-code-of-check "$NASC" check "$spec" --emit=c
for command in train search verify study help; do
    broken "emit-unknown-to-$command" "$NASC" $command "$spec" --emit=net
done

echo "1..$number"
