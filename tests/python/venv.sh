#!/bin/sh
# Python's tools for the tests (moto, checkov), from locked and hashed packages, into a virtual environment of their own.
set -e
venv=$1
here=$(dirname "$0")
rm -rf "$venv"
python3 -m venv "$venv"
"$venv/bin/pip" install --quiet --disable-pip-version-check --no-input --require-hashes -r "$here/../../templates/images/uv.lock"
VIRTUAL_ENV=$venv "$venv/bin/uv" pip install --quiet --no-cache --require-hashes -r "$here/requirements.lock"
cp "$here/requirements.lock" "$venv/installed.lock"
