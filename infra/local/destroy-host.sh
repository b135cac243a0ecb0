#!/bin/sh
# Removes a host and its engine's disk, never the data volume. INSTANCE names the life that ends; empty means any.
set -eu

if docker container inspect "$NAME" >/dev/null 2>&1; then
  life=$(docker container inspect --format '{{ index .Config.Labels "airflow.instance" }}' "$NAME")
  if [ -n "$INSTANCE" ] && [ "$INSTANCE" != "$life" ]; then exit 0; fi
  # docker rm says "removal already in progress" where an interrupted one still runs.
  docker rm --force --volumes "$NAME" >/dev/null
fi
if docker volume inspect "$ENGINE_VOLUME" >/dev/null 2>&1; then
  docker volume rm "$ENGINE_VOLUME" >/dev/null
fi
