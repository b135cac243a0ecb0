#!/bin/sh
# Starts PostgreSQL. A database is made only where provisioning has left the marker: a host that comes up without its
# data volume must start nothing, rather than a second, empty Airflow.
set -eu
marker=/var/lib/postgresql/.initialize

if [ ! -s "$PGDATA/PG_VERSION" ]; then
  if [ ! -e "$marker" ]; then
    echo "no database in $PGDATA, and none was to be made: is the data volume mounted? run make provision" >&2
    exit 1
  fi
  # Made beside its place and renamed when whole, so that a crash leaves nothing half made.
  # No glibc update can break an index whose order is the builtin provider's.
  rm -rf "$PGDATA.new"
  initdb --pgdata="$PGDATA.new" --username=postgres --auth-local=peer --auth-host=scram-sha-256 --encoding=UTF8 \
    --locale-provider=builtin --locale=C.UTF-8 --data-checksums
  echo "host airflow airflow all scram-sha-256" >>"$PGDATA.new/pg_hba.conf"
  pg_ctl --pgdata="$PGDATA.new" --wait --options="-c listen_addresses=''" start
  # psql reads the password by itself, so it stands in no argument, and quotes it.
  psql --username=postgres --no-psqlrc --quiet --set=ON_ERROR_STOP=1 postgres <<'SQL'
\set password `cat /run/secrets/database_password`
CREATE ROLE airflow LOGIN PASSWORD :'password';
CREATE DATABASE airflow OWNER airflow;
SQL
  pg_ctl --pgdata="$PGDATA.new" --wait stop
  mv "$PGDATA.new" "$PGDATA"
  sync "$PGDATA" /var/lib/postgresql
fi
rm -f "$marker"
exec postgres "$@"
