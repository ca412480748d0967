#!/bin/sh
# doc.t: the blocks of the manuals are what they say. A block is fenced and begins with
#   nas            a file that nasc accepts, called example.nas; `nas tiny.nas` calls it so
#   nas more       the file goes on; one name, as before
#   nas body       statements within a network on an image `x`, with blocks of the library
#   nas error      a file that is refused; what is said stands in the next block
#   console        lines `$ nasc ...` and what they print; a line `...` leaves out some of it
# Other fences and indented lines are not looked at. `tests/run -u doc.t` writes what is printed now
# into the console blocks that leave out nothing.
# Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0
cd "$(dirname "$0")/../.." || exit 3
here=$PWD
case $NASC in
/*) ;;
*) NASC=$here/$NASC ;;
esac
scratch=$(mktemp -d) || exit 3
trap 'rm -rf "$scratch"' EXIT

# Each block becomes a numbered file; the list has number, place and info.
awk -v folder="$scratch" '
    FNR == 1 { inside = 0 }
    inside && /^```$/ { inside = 0; close(file); next }
    inside { print >file; next }
    /^```(nas|console)/ {
        file = sprintf("%s/block.%03d", folder, ++count)
        printf "" >file
        printf "%03d %s:%d %s\n", count, FILENAME, FNR, substr($0, 4)
        inside = 1
    }' doc/*.md >"$scratch/list"

# The commands of a console block, run one after another in the folder of the files.
replay() {
    while IFS= read -r line; do
        case $line in
        '$ nasc '*)
            (cd "$scratch" && eval "\"\$NASC\" ${line#\$ nasc }" 2>&1) </dev/null >"$scratch/out"
            echo "$line" >>"$2"
            cat "$scratch/out" >>"$2" ;;
        esac
    done <"$1"
}

# Whether what was printed is what stands in the block, `...` standing for any lines.
same() {
    awk '
        NR == FNR { want[++wants] = $0; next }
        { have[++haves] = $0 }
        END {
            j = 1
            for (i = 1; i <= wants; i++) {
                if (want[i] ~ /^ *\.\.\.$/) {
                    while (j <= haves && have[j] != want[i + 1]) j++
                } else if (have[j++] != want[i]) {
                    print "expected: " want[i]; print "printed:  " have[j - 1]; exit 1
                }
            }
            if (j <= haves) { print "more was printed: " have[j]; exit 1 }
        }' "$1" "$2"
}

body() {
    printf 'use std/mobile\nnetwork n(x: [28, 28, 4]) -> [10] {\n'
    cat "$1"
    echo 'return x |> global_average |> dense(10) }'
}

before=0
echo "1..$(wc -l <"$scratch/list")"
while read -r number place kind what; do
    block=$scratch/block.$number
    : >"$scratch/said"
    case $kind in
    nas)
        file=example.nas
        case $what in
        *.nas) file=$what ;;
        esac
        case $what in
        more) cat "$block" >>"$scratch/$last"; file=$last ;;
        body) body "$block" >"$scratch/$file" ;;
        *) cp "$block" "$scratch/$file" ;;
        esac
        last=$file
        (cd "$scratch" && "$NASC" check "$file") >"$scratch/said" 2>&1
        status=$?
        [ "$what" = error ] && { [ $status = 1 ]; status=$?; } ;;
    console)
        : >"$scratch/printed"
        replay "$block" "$scratch/printed"
        [ -n "$UPDATE" ] && ! grep -q '^ *\.\.\.$' "$block" && cp "$scratch/printed" "$block"
        same "$block" "$scratch/printed" >"$scratch/said"
        status=$? ;;
    *) echo "no such block: $kind" >"$scratch/said"; status=1 ;;
    esac
    [ "$status" = 0 ] || printf 'not '
    echo "ok ${number} - $place $kind $what" | sed 's/ok 0*/ok /'
    [ "$status" = 0 ] || sed 's/^/# /' "$scratch/said"
done <"$scratch/list"

# The manuals with their blocks as they are in the scratch folder now.
[ -z "$UPDATE" ] || for page in doc/*.md; do
    awk -v folder="$scratch" -v count="$before" '
        inside && /^```$/ { inside = 0 }
        inside { next }
        { print }
        /^```(nas|console)/ {
            file = sprintf("%s/block.%03d", folder, ++count)
            while ((getline line <file) > 0) print line
            inside = 1
        }' "$page" >"$scratch/page"
    before=$((before + $(grep -cE '^```(nas|console)' "$page")))
    cmp -s "$page" "$scratch/page" || cp "$scratch/page" "$page"
done
