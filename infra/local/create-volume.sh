#!/bin/sh
# Makes the volume that outlives hosts; one that exists is kept with all that it holds.
set -eu
# Docker's own CreatedAt is when the volume's directory last changed.
docker volume create --label "airflow.deployment=$DEPLOYMENT" --label "airflow.instance=$INSTANCE" \
  --label "airflow.created=$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$VOLUME" >/dev/null
