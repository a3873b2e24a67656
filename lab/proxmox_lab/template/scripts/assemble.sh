#!/bin/sh
# assemble.sh TAR TREE DISK MIB: unpack the installed system, make it a template, write its disk.
# Runs as root or under fakeroot, in one go: who owns a file is known in this session only.
set -eu
here=$(dirname "$0")
mkdir -p "$2"
tar -C "$2" --exclude='./dev/*' -xf "$1"
sh "$here/customise.sh" "$2"
sh "$here/disk.sh" "$2" "$3" "$4"
