"""
Checks the DAG files of a release: `docker exec airflow-dag-processor-1 python /opt/airflow/bin/check_dags.py <folder>`.
What it prints: see lib/dag_check.py.

The process beside the dag-processor does it if there is one; else this one, after importing Airflow.
"""

import os
import socket
import sys

# An abstract address: it is gone with its process, and is known in this container only.
ADDRESS = "\0airflow-dag-check"


def ask(folder: str, server: socket.socket) -> bytes:
    """The check's exit code as one byte; none if its process was killed, or a DAG file ended it."""
    socket.send_fds(server, [folder.encode()], [1, 2])
    return server.recv(1)


def check_warm(folder: str) -> bytes | None:
    """None if nobody waits for checks here."""
    with socket.socket(socket.AF_UNIX) as server:
        try:
            server.connect(ADDRESS)
        except OSError:
            return None
        return ask(folder, server)


def check_cold(folder: str) -> bytes:
    import dag_check

    server, client = socket.socketpair()
    if os.fork() == 0:
        server.close()
        dag_check.answer(client)
    client.close()
    return ask(folder, server)


if __name__ == "__main__":
    code = check_warm(sys.argv[1])
    if code is None:
        code = check_cold(sys.argv[1])
    if not code:
        sys.exit("the check did not finish: a DAG file has ended its process, or needs more memory than the dag-processor may use")
    sys.exit(code[0])
