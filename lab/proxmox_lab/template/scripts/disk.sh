#!/bin/sh
# disk.sh TREE DISK MIB: write TREE as the one partition of a raw GPT disk. No root, no loop device.
set -eu
tree=$1 disk=$2 mib=$3
rm -f "$disk"
truncate -s "${mib}M" "$disk"
printf 'label: gpt\nstart=2048, type=4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709\n' | sfdisk --quiet "$disk"
# The partition begins at 1 MiB; the last one is left to the GPT's copy.
mke2fs -q -t ext4 -L rootfs -m 0 -O ^metadata_csum_seed \
    -E offset=1048576,lazy_itable_init=0,lazy_journal_init=0,discard \
    -d "$tree" "$disk" "$(((mib - 2) * 1024))k"
