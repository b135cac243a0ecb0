#!/bin/sh
# Makes the volume that outlives hosts; one that exists is kept with all that it holds.
set -eu
docker volume create --label "airflow.deployment=$DEPLOYMENT" --label "airflow.instance=$INSTANCE" "$VOLUME" >/dev/null
