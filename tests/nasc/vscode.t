#!/bin/sh
# vscode.t: the extension for VS Code speaks with nasc lsp, where there is node to run it.
# Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0
without_data=1
. tests/nasc/tap.sh
command -v node >/dev/null || skip_all "node is not here"
case $NASC in
/*) nasc=$NASC ;;
*) nasc=$PWD/$NASC ;;
esac

ends 0 node tests/nasc/vscode.js "$PWD/editors/vscode/extension.js" "$nasc"
verdict $? "mistakes, fixes, hovers, layout, completion and names reach the editor"

echo "1..$number"
