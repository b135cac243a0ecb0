#!/bin/sh
# Makes the image that all others start from, out of Debian's signed archive: no registry, no stranger's image.
#   APT_MIRROR=http://deb.debian.org/debian DATE=2026-01-31 sh base.sh <tag>
# The keys are shipped with the release: Ubuntu 24.04's own are older than Debian 13's.
set -eu
tag=$1
here=$(cd "$(dirname "$0")" && pwd)
mirror=${APT_MIRROR:-http://deb.debian.org/debian}
case $mirror in
*/debian) security=${mirror}-security ;;
*) security=$mirror-security ;;
esac
[ "$mirror" = http://deb.debian.org/debian ] && security=http://security.debian.org/debian-security

# Through a file, not a pipe: a pipe's status is its last command's, and docker would import half of a tar gladly.
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
