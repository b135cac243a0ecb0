#!/bin/sh
# Starts PostgreSQL. It makes a database only if provisioning has left the marker: a host that boots without its data
# volume must not start a second, empty Airflow.
set -eu
marker=/var/lib/postgresql/.initialize

if [ ! -s "$PGDATA/PG_VERSION" ]; then
  if [ ! -e "$marker" ]; then
    echo "there is no database in $PGDATA, and no marker allows to make one: is the data volume mounted? run make provision" >&2
    exit 1
  fi
  # The database is made in another folder and renamed when it is complete, so that a crash leaves no half of it.
  # Indexes are sorted by Postgres' builtin provider: an update of glibc cannot break them.
  rm -rf "$PGDATA.new"
  initdb --pgdata="$PGDATA.new" --username=postgres --auth-local=peer --auth-host=scram-sha-256 --encoding=UTF8 \
    --locale-provider=builtin --locale=C.UTF-8 --data-checksums
  # Nobody has a password yet: provisioning makes the roles that services log in as, and says who may connect from where.
  pg_ctl --pgdata="$PGDATA.new" --wait --options="-c listen_addresses=''" start
  psql --username=postgres --no-psqlrc --quiet --set=ON_ERROR_STOP=1 postgres <<'SQL'
CREATE ROLE airflow LOGIN;
CREATE DATABASE airflow OWNER airflow;
SQL
  pg_ctl --pgdata="$PGDATA.new" --wait stop
  mv "$PGDATA.new" "$PGDATA"
  sync "$PGDATA" /var/lib/postgresql
fi
rm -f "$marker"
exec postgres "$@"
