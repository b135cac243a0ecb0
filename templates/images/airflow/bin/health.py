"""
Checks one service and exits with 0 if it is healthy: `health.py api-server`, or `health.py SchedulerJob` (or another type
of job) for a job whose last heartbeat must be less than 30 s old.

It asks the database itself: importing Airflow, as `airflow jobs check` does, would take seconds of CPU every minute.
"""

import json
import re
import socket
import sys
from pathlib import Path
from urllib.request import urlopen

service = sys.argv[1]
if service == "api-server":
    # Airflow builds the tasks' API at its first request, which takes seconds. This request spares the first task the wait.
    urlopen("http://127.0.0.1:8080/execution/health", timeout=9).close()
    # It always answers with 200; only the body says what is not healthy.
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
