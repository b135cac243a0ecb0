#!/bin/sh
# Starts a host that was stopped; one that runs stays as it is.
set -eu
docker start "$NAME" >/dev/null
