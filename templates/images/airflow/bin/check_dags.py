"""
Checks the DAG files of a release: `docker exec airflow-dag-processor-1 python /opt/airflow/bin/check_dags.py [log] <folder>`.
What it prints: see lib/dag_check.py; with `log` also what Airflow and the DAG files print.

The process beside the dag-processor does it if there is one; else this one, after importing Airflow.
"""

import os
import socket
import sys

# An abstract address: it is gone with its process, and is known in this container only.
ADDRESS = "\0airflow-dag-check"


def ask(asked: str, server: socket.socket) -> bytes:
    """The check's exit code as one byte; none if its process was killed, or a DAG file ended it."""
    socket.send_fds(server, [asked.encode()], [1, 2])
    return server.recv(1)


def check_warm(asked: str) -> bytes | None:
    """None if nobody waits for checks here."""
    with socket.socket(socket.AF_UNIX) as server:
        try:
            server.connect(ADDRESS)
        except OSError:
            return None
        return ask(asked, server)


def check_cold(asked: str) -> bytes:
    import dag_check

    server, client = socket.socketpair()
    if os.fork() == 0:
        server.close()
        dag_check.answer(client)
    client.close()
    return ask(asked, server)


if __name__ == "__main__":
    asked = " ".join(sys.argv[1:])
    code = check_warm(asked)
    if code is None:
        code = check_cold(asked)
    if not code:
        sys.exit("the check did not finish: a DAG file has ended its process, or needs more memory than the dag-processor may use")
    sys.exit(code[0])
