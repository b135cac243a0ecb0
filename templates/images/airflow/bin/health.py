"""
Health of one service, as an exit code: `health.py api-server`, or the type of a job whose heartbeat must be young.

Importing Airflow would cost seconds of CPU a minute (`airflow jobs check` does), so this asks the database itself.
"""

import json
import re
import socket
import sys
from pathlib import Path
from urllib.request import urlopen

service = sys.argv[1]
if service == "api-server":
    # The tasks' API is built on its first request, which takes seconds: here, rather than in the first task.
    urlopen("http://127.0.0.1:8080/execution/health", timeout=9).close()
    # Answers 200 always: what counts stands in the body.
    with urlopen("http://127.0.0.1:8080/api/v2/monitor/health", timeout=9) as response:
        status = json.load(response)["metadatabase"]["status"]
    sys.exit(None if status == "healthy" else f"metadatabase: {status}")

import psycopg2  # noqa: E402

url = re.sub(r"^postgres(ql)?(\+\w+)?:", "postgresql:", Path("/run/secrets/database_url").read_text())
with psycopg2.connect(url, connect_timeout=8) as connection, connection.cursor() as cursor:
    cursor.execute(
        "SELECT extract(epoch FROM now() - max(latest_heartbeat)) FROM job"
        " WHERE job_type = %s AND hostname = %s AND state = 'running'",
        (service, socket.getfqdn()),
    )
    (age,) = cursor.fetchone()
sys.exit(None if age is not None and age < 30 else f"last heartbeat: {'never' if age is None else f'{age:.0f} s ago'}")
