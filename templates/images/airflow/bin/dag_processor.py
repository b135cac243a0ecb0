"""Starts the dag-processor, and beside it a process that checks the DAGs of each push."""

import gc
import os
import sys

import dag_check
import structlog
from airflow.__main__ import main
from check_dags import ADDRESS



def without_refreshes(_logger, _method, event: dict) -> dict:
    """The bundle is read every second, and a line of log each time would hide what else happens."""
    if str(event.get("event")).startswith("Refreshing bundle"):
        raise structlog.DropEvent
    return event


structlog.get_config()["processors"].insert(0, without_refreshes)

# The two share these pages until one of them writes into them, and the garbage collector's marks are writes.
gc.collect()
gc.freeze()
if os.fork() == 0:
    dag_check.serve(ADDRESS)

sys.argv = ["airflow", "dag-processor"]
main()
