#!/bin/sh
# Starts a host that has stopped. A running host stays as it is.
set -eu
docker start "$NAME" >/dev/null
