#!/bin/sh
# Makes the data volume, which outlives hosts. A volume that exists is kept with everything in it.
set -eu
# The time is a label, because Docker's own CreatedAt is the time when the volume's directory last changed.
docker volume create --label "airflow.deployment=$DEPLOYMENT" --label "airflow.instance=$INSTANCE" \
  --label "airflow.created=$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$VOLUME" >/dev/null
