#!/bin/sh
# Deletes the data volume for good. Only make teardown may do that: it sets DELETE_DATA after it has asked.
set -eu
docker volume inspect "$VOLUME" >/dev/null 2>&1 || exit 0
if [ "$(docker volume inspect --format '{{ index .Labels "airflow.instance" }}' "$VOLUME")" != "$INSTANCE" ]; then exit 0; fi
if [ "${DELETE_DATA:-}" != 1 ]; then
  echo "the plan deletes the data volume $VOLUME: only make teardown may do that" >&2
  exit 1
fi
docker volume rm "$VOLUME" >/dev/null
