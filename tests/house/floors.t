#!/bin/sh
# floors.t: no folder includes from a floor above its own, or from a neighbour.
# Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0

# folder: what it may include besides itself
floors="base:
net: base
lang: base net import stdlib
import: base net
train: base net
codegen: base net stdlib
search: base net
device: base net codegen stdlib
judge: base net train codegen device search
nasc: base net lang import train codegen search device judge stdlib
runtime:
stdlib:"

echo "$floors" | awk '
{
    folder = $1
    sub(":", "", folder)
    allowed[folder, folder] = 1
    for (i = 2; i <= NF; i++)
        allowed[folder, $i] = 1
    folders[++count] = folder
}
# Looks through one file; returns what it includes that it may not.
function faults(folder, file,    line, number, path, from, found) {
    while ((getline line < file) > 0) {
        number++
        if (line !~ /^[ \t]*#[ \t]*include[ \t]*"/)
            continue
        path = line
        sub(/^[^"]*"/, "", path)
        sub(/".*/, "", path)
        if (path == "config.h" || folder == "runtime" && path !~ "/")
            continue
        from = path
        sub("/.*", "", from)
        if (path !~ "/" || !((folder, from) in allowed))
            found = found "# " file ":" number ": " line "\n"
    }
    close(file)
    return found
}
END {
    print "1.." count
    for (i = 1; i <= count; i++) {
        folder = folders[i]
        found = ""
        list = "ls " folder "/*.[chy] " folder "/*.re " folder "/*.def 2>/dev/null"
        while ((list | getline file) > 0)
            found = found faults(folder, file)
        close(list)
        print (found == "" ? "ok " : "not ok ") i " - " folder " includes only from below"
        printf "%s", found
    }
}'
