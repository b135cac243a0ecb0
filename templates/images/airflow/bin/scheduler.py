"""
Starts the scheduler with everything imported that a task needs: `python scheduler.py --skip-serve-logs`.

LocalExecutor forks its workers, and these fork the tasks: what is there before costs a task no time and is shared memory.
"""

import gc
import os
import signal
import sys
from contextlib import suppress
from importlib import import_module

from idle_scheduler import rest_when_idle
from local_executor_mends import make_dispatch_certain, make_end_certain
from supervisor_pause import wake_at_exit

for module in (
    "airflow.providers.standard.decorators.python",
    "airflow.sdk.definitions.asset.metadata",
    "airflow.sdk.definitions.decorators.setup_teardown",
    "airflow.sdk.execution_time.supervisor",
    "airflow.sdk.execution_time.task_runner",
    "jinja2.ext",
):
    # Another Airflow may have moved it: the task then imports what it needs, as it would have.
    with suppress(ImportError):
        import_module(module)

with suppress(ImportError):
    from airflow.sdk.api.client import Client

    # The first client reads the certificates of the world's authorities: 7 MiB and 30 ms a worker.
    Client(base_url=os.environ["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"], token="").close()


def make_stop_certain(runner) -> None:
    """
    Airflow's answer to SIGTERM is a SystemExit, wherever the interpreter happens to be. In a callback of the garbage
    collector it is swallowed, and the scheduler goes on until Docker kills it and its tasks: so it is raised again.
    """
    exit_gracefully, run_loop = runner._exit_gracefully, runner._run_scheduler_loop
    has_ended = []

    def ask(self, signum, frame):
        if has_ended:
            return  # It waits for its tasks already: another SystemExit would end that.
        signal.signal(signal.SIGALRM, lambda *_: ask(self, signum, None))
        signal.setitimer(signal.ITIMER_REAL, 2)
        exit_gracefully(self, signum, frame)

    def run(self):
        try:
            return run_loop(self)
        finally:
            # From here on it waits for its tasks, and must not be disturbed.
            has_ended.append(True)
            signal.setitimer(signal.ITIMER_REAL, 0)

    runner._exit_gracefully, runner._run_scheduler_loop = ask, run


with suppress(ImportError):
    from airflow.sdk.execution_time.supervisor import ActivitySubprocess

    wake_at_exit(ActivitySubprocess)

with suppress(ImportError):
    from airflow.executors.local_executor import LocalExecutor

    make_dispatch_certain(LocalExecutor)
    make_end_certain(LocalExecutor)

with suppress(ImportError, AttributeError):
    from airflow.jobs.scheduler_job_runner import SchedulerJobRunner

    # It looks at the loop, so it comes before the loop is wrapped.
    rest_when_idle(SchedulerJobRunner)
    make_stop_certain(SchedulerJobRunner)

from airflow.__main__ import main  # noqa: E402

# Workers share these pages until somebody writes into them, and the garbage collector's marks are writes.
gc.collect()
gc.freeze()

sys.argv = ["airflow", "scheduler", *sys.argv[1:]]
main()
