#!/bin/sh
# A short run of fixed random networks on the paths that are quick.
# Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0
scratch=$(mktemp -d "${TMPDIR:-/tmp}/nasc-diff.XXXXXX") || exit 1
trap 'rm -rf "$scratch"' EXIT
"${BUILD:-build}/tests/diff/diff" --tap --folder "$scratch"
