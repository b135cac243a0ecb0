#!/bin/sh
# Prints the name of the image that local hosts start from. It makes the image (20 s) if this machine does not have it.
#   MIRROR  Debian mirror; empty for Debian's own servers
set -eu
cd "$(dirname "$0")"

suite=trixie
# Docker's debian:trixie of 2026-08-03, for all processors; used where this machine cannot make one from Debian's archive.
base=debian:trixie@sha256:34cd9e9fd437c0a095ec39cb2e73422c9f30821b0d0848ed74fd0d43bae4d958
keyring=debian-archive-keyring.gpg
packages=ca-certificates,curl,dbus,iproute2,iptables,openssh-server,procps,python3-minimal,sudo,systemd,systemd-sysv
digest=$(printf '%s\n' "$suite" "$base" "$packages" "$MIRROR" | cat - customize.sh "$keyring" | sha256sum | cut -c1-16)
image=airflow-local-host:$digest

if ! docker image inspect "$image" >/dev/null 2>&1; then
  work=$(mktemp -d "${TMPDIR:-/var/tmp}/airflow-local-host.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  trap 'exit 130' INT TERM
  if command -v mmdebstrap >/dev/null && [ "$(id -u)" = 0 ]; then
    echo "making the host's image from Debian's packages" >&2
    mmdebstrap --quiet --variant=minbase --keyring="$keyring" --include="$packages" \
      --customize-hook='chroot "$1" sh -eu' "$suite" "$work/host.tar" ${MIRROR:+"$MIRROR"} <customize.sh >&2
    docker import "$work/host.tar" "$image" >/dev/null
  else
    echo "making the host's image from $base" >&2
    cp customize.sh "$work"
    cat >"$work/Dockerfile" <<DOCKERFILE
FROM $base
RUN apt-get update && DEBIAN_FRONTEND=noninteractive apt-get upgrade -y && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $(echo "$packages" | tr , ' ')
COPY customize.sh /tmp/
RUN sh -eu /tmp/customize.sh && rm /tmp/customize.sh
DOCKERFILE
    docker build --quiet --tag "$image" "$work" >/dev/null
  fi
fi
echo "$image"
