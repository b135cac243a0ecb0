#!/bin/sh
# Makes the image that both other images start from. Its packages come from Debian's signed archive, not from a registry.
#   APT_MIRROR=http://deb.debian.org/debian DATE=2026-01-31 sh base.sh <tag>
# The release brings Debian's keys: those that Ubuntu 24.04 has are too old for Debian 13.
set -eu
tag=$1
here=$(cd "$(dirname "$0")" && pwd)
mirror=${APT_MIRROR:-http://deb.debian.org/debian}
case $mirror in
*/debian) security=${mirror}-security ;;
*) security=$mirror-security ;;
esac
[ "$mirror" = http://deb.debian.org/debian ] && security=http://security.debian.org/debian-security

# A file, because a pipe's exit code is that of its last command, and docker imports half of a tar file without an error.
work=$(mktemp -d "${TMPDIR:-/var/tmp}/base.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

keys=$here/debian-archive-keyring.asc
SOURCE_DATE_EPOCH=$(date -ud "$DATE" +%s) mmdebstrap --quiet --variant=minbase --keyring="$keys" \
  --include=ca-certificates,python3,python3-pip-whl,tzdata \
  --aptopt='Acquire::Languages "none"' \
  --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
  --customize-hook='sed -i "s/^deb \[[^]]*\]/deb/" "$1/etc/apt/sources.list"' \
  trixie "$work/base.tar" \
  "deb $mirror trixie main" "deb $mirror trixie-updates main" "deb $security trixie-security main"
docker import --change 'ENV LANG=C.UTF-8' "$work/base.tar" "$tag"
