#!/bin/sh
# json.t: what nasc check --json prints: an array, whatever is wrong.
# Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0
without_data=1
. tests/nasc/tap.sh

# prints FILE: whether the last command printed exactly this
prints() { cmp "$own/$1" "$own/said"; }

printf 'let a = 1\nlet b = flor(a)\nlet a = 2\n' >"$own/wrong.nas"
printf 'let a = 1\n' >"$own/right.nas"
echo '[]' >"$own/nothing"
cat >"$own/wanted" <<END
[
  {"severity": "error", "file": "wrong.nas", "line": 3, "column": 5, "length": 1, \
"end_line": 3, "end_column": 6, "message": "\`a\` is declared twice", \
"notes": [{"file": "wrong.nas", "line": 1, "column": 5, "length": 1, \
"end_line": 1, "end_column": 6, "message": "the first declaration is here"}]}
]
END
cat >"$own/fix" <<END
[
  {"severity": "error", "file": "fix.nas", "line": 1, "column": 9, "length": 4, \
"end_line": 1, "end_column": 13, \
"message": "no block or operator is called \`flor\`; did you mean \`floor\`?", \
"fix": "floor", "notes": []}
]
END
printf 'let b = flor(3)\n' >"$own/fix.nas"
case $NASC in
/*) nasc=$NASC ;;
*) nasc=$PWD/$NASC ;;
esac
cd "$own" || exit 1

ends 0 "$nasc" check --json right.nas && prints nothing
verdict $? "nothing is wrong: an empty array"

ends 1 "$nasc" check --json wrong.nas && prints wanted
verdict $? "a mistake has a place, its end and its notes"

ends 1 "$nasc" check --json fix.nas && prints fix
verdict $? "a mistake with a known cure says what to write"

ends 1 "$nasc" check --json none.nas &&
    says '"severity": "error", "message": "none.nas cannot be read'
verdict $? "a file that is not there is a mistake without a place"

printf 'let a = ?\nlet b = flor(1)\nlet = 2\n' >many.nas
ends 1 "$nasc" check --json many.nas && [ "$(grep -c severity said)" = 2 ]
verdict $? "several mistakes come in one run"

echo "1..$number"
