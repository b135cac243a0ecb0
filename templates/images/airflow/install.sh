# Installs Airflow into the image, every package by version and hash, with its bytecode (which halves the time of a start).
set -eu
if [ -s /run/secrets/ca ]; then export SSL_CERT_FILE=/run/secrets/ca PIP_CERT=/run/secrets/ca; fi
if [ -n "${PIP_INDEX:-}" ]; then export UV_DEFAULT_INDEX="$PIP_INDEX" PIP_INDEX_URL="$PIP_INDEX"; fi
# The cache is on the same filesystem as the environment, so that uv links files instead of copying them. It is deleted below.
export UV_CACHE_DIR=/opt/airflow/.cache UV_PYTHON_DOWNLOADS=never UV_LINK_MODE=hardlink
requirements=/context/requirements.lock
extra=/context/extra-requirements.txt

# pip runs from its wheel and only installs uv, which is deleted below.
python3 "$(echo /usr/share/python-wheels/pip-*.whl)/pip" install --quiet --disable-pip-version-check --no-cache-dir --no-compile \
  --target=/tmp/uv --require-hashes --requirement=/context/uv.lock
PATH=/tmp/uv/bin:$PATH
uv venv --quiet --python=/usr/bin/python3 /opt/airflow/venv
uv pip install --python=/opt/airflow/venv --compile-bytecode --require-hashes --requirements="$requirements"
if [ -s "$extra" ]; then
  uv pip install --python=/opt/airflow/venv --compile-bytecode --requirements="$extra" --constraints="$requirements"
fi
rm -rf /tmp/uv /opt/airflow/.cache

# The folders that others are mounted on exist with the right owner.
useradd --system --uid 50000 --gid 0 --no-create-home --home-dir /opt/airflow --shell /bin/sh airflow
install -d -o 50000 -g 0 -m 775 /opt/airflow/logs /opt/airflow/dags
# If there were no airflow.cfg, Airflow would write one with keys of its own. All settings are environment variables.
: >/opt/airflow/airflow.cfg
