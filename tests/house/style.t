#!/bin/sh
# style.t: what holds of every text of the house: width, licences, no traces of a machine, READMEs
# that name their files, and a continuous integration that runs what the README says.
# Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0
number=0

# result NAME FAULTS: a test passes where there are no faults
result() {
    number=$((number + 1))
    if [ -z "$2" ]; then
        echo "ok $number - $1"
    else
        echo "not ok $number - $1"
        echo "$2" | sed 's/^/# /'
    fi
}

files() {
    if git rev-parse --git-dir >/dev/null 2>&1; then
        git ls-files -co --exclude-standard
    else
        find . \( -path ./build -o -path ./.git \) -prune -o -type f -print |
            sed 's,^\./,,' | grep -v '^config\.'
    fi | while read -r file; do
        [ ! -f "$file" ] || echo "$file"
    done
}

code=$(files | grep -E '\.(c|h|def|re|y|nas|t|ld)$|/run$|^Makefile$|/embed$')

# Bytes that continue a code point take no column.
result "no line is over 100 columns" "$(echo "$code" | LC_ALL=C xargs awk '
    { gsub(/[\200-\277]/, ""); if (length($0) > 100) print FILENAME ":" FNR ": " length($0) }')"

result "no tab indents C" "$(echo "$code" | grep '\.[chy]$' | xargs grep -ln "$(printf '^ *\t')")"

result "no line ends in blanks" "$(echo "$code" | xargs grep -n '[[:blank:]]$' | cut -c 1-80)"

result "every source says its licence" "$(echo "$code" | grep -v '^tests/.*\.nas$' |
    xargs awk 'FNR <= 15 && /SPDX-License-Identifier: / { said[FILENAME] }
        END { for (i = 1; i < ARGC; i++) if (!(ARGV[i] in said)) print ARGV[i] }')"

result "what ships with emitted programs is 0BSD" "$(files | grep '^runtime/.*\.[chlsS]' |
    xargs grep -L 'SPDX-License-Identifier: 0BSD')"

# The brackets keep the patterns from finding themselves.
result "no text names a machine's paths" "$(files | xargs grep -nIE \
    '/wor[k]/|/hom[e]/|/roo[t]/|\.\./share[d]' | cut -c 1-100)"

# A README's first line is `name: summary`, and it has a line for each file of its folder.
unnamed() {
    for folder in base net lang import train codegen search device judge nasc runtime; do
        [ -d "$folder" ] && [ -n "$(ls "$folder")" ] || continue
        head -n 1 "$folder/README.md" 2>/dev/null | grep -q "^#* *\`*$folder\`*: " ||
            echo "$folder/README.md: its first line is not '$folder: summary'"
        for file in "$folder"/*.[chy] "$folder"/*.re "$folder"/*.def; do
            name=${file##*/}
            [ ! -f "$file" ] || grep -qF "$name" "$folder/README.md" 2>/dev/null ||
                echo "$folder/README.md does not name $name"
        done
    done
}
result "every folder has a README that names its files" "$(unnamed)"

check='make check'
result "continuous integration runs the README's test command" "$(
    grep -qF "$check" README.md || echo "README.md does not say '$check'"
    grep -qx "$check" .ci/run || echo ".ci/run does not run '$check'")"

echo "1..$number"
