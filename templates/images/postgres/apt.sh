# Installs Debian's PostgreSQL into the image, without the database cluster that its package would make.
set -eu
groupadd --system --gid 999 postgres
useradd --system --uid 999 --gid 999 --home-dir /var/lib/postgresql --shell /bin/sh postgres
mkdir -p /etc/postgresql-common
echo "create_main_cluster = false" >/etc/postgresql-common/createcluster.conf

set -- -o Dpkg::Use-Pty=0
[ -s /run/secrets/ca ] && set -- "$@" -o Acquire::https::CAInfo=/run/secrets/ca
apt-get "$@" update -qq
DEBIAN_FRONTEND=noninteractive apt-get "$@" install -qq --no-install-recommends postgresql-17
rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/*

install -d -o 999 -g 999 -m 700 /var/lib/postgresql
install -d -o 999 -g 999 -m 755 /run/postgresql
