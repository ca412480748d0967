# tap.sh: what the shell tests of the command share. Copyright the nasc authors.
# SPDX-License-Identifier: Apache-2.0
#
# Sourced from the repository's root. Gives a folder of its own in $own, removed at the end, and
# `verdict STATUS NAME`: a test passes where the status is 0; else $own/said is shown. Without
# Fashion-MNIST all is skipped, but where $without_data is set before.
own=$(mktemp -d) || exit 1
trap 'rm -rf "$own"' EXIT
number=0

verdict() {
    number=$((number + 1))
    if [ "$1" = 0 ]; then
        echo "ok $number - $2"
    else
        echo "not ok $number - $2"
        sed 's/^/# /' "$own/said" | tail -n 30
    fi
}

# ends STATUS COMMAND...: whether the command ends so; what it printed is in $own/said
ends() {
    wanted=$1
    shift
    "$@" >"$own/said" 2>&1
    found=$?
    [ $found = "$wanted" ] || echo "ended with $found, not $wanted" >>"$own/said"
    [ $found = "$wanted" ]
}

says() { grep -qF -e "$1" "$own/said"; }

skip_all() {
    echo "1..0 # SKIP $1"
    exit 0
}

data=${NASC_DATA:-/usr/share/datasets}
[ -n "$without_data" ] || [ -f "$data/fashion-mnist/train-images-idx3-ubyte.gz" ] ||
    skip_all "Fashion-MNIST is not here (Debian: dataset-fashion-mnist)"

# same A B: whether two folders of results hold the same files but for the study
same() {
    diff -r -x 'study.db*' "$1" "$2" >"$own/said" 2>&1
}
