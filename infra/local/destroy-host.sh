#!/bin/sh
# Removes a host and its engine's disk, never the data volume. INSTANCE is the host's id: a host with another id stays.
# If INSTANCE is empty, the id does not matter.
set -eu

if docker container inspect "$NAME" >/dev/null 2>&1; then
  life=$(docker container inspect --format '{{ index .Config.Labels "airflow.instance" }}' "$NAME")
  if [ -n "$INSTANCE" ] && [ "$INSTANCE" != "$life" ]; then exit 0; fi
  # docker rm fails with "removal already in progress" if an interrupted removal still runs.
  docker rm --force --volumes "$NAME" >/dev/null
fi
if docker volume inspect "$ENGINE_VOLUME" >/dev/null 2>&1; then
  docker volume rm "$ENGINE_VOLUME" >/dev/null
fi
