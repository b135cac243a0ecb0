"""
The image's SchedulerJobRunner and LocalExecutor with real workers; what they schedule and run, and the clock, are stand-ins.
"""

import sys
import time
from types import SimpleNamespace

from airflow.executors.base_executor import BaseExecutor
from airflow.executors.local_executor import LocalExecutor
from airflow.jobs.scheduler_job_runner import SchedulerJobRunner
from idle_scheduler import BUSY, SELDOM, rest_when_idle
from local_executor_mends import make_dispatch_certain, make_end_certain

OFTEN = 0.2
now, queued, executor = 1000.0, 0, SimpleNamespace(running=set())
failed = False


def promise(what: str, kept: bool) -> None:
    global failed
    failed = failed or not kept
    print("ok" if kept else "BROKEN", what, flush=True)


class Stranger:
    """What upstream could make of it."""

    def _do_scheduling(self, session):
        return 7

    def _run_scheduler_loop(self):
        self.sleep()


def sleep_after(seconds: float, of) -> float:
    global now
    now += seconds
    promise.queued = of._do_scheduling(None)
    return of._scheduler_idle_sleep_time


def runner(often: float = OFTEN):
    made = SchedulerJobRunner.__new__(SchedulerJobRunner)
    made.__dict__.update(_scheduler_idle_sleep_time=often, executors=[executor])
    return made


SchedulerJobRunner._do_scheduling = lambda self, session: queued
rest_when_idle(SchedulerJobRunner, clock=lambda: now)

first = runner()
promise("a scheduler that was just started looks often", sleep_after(0, first) == OFTEN and sleep_after(BUSY - 1, first) == OFTEN)
promise("a scheduler that has had nothing to do for a while looks seldom", sleep_after(1, first) == SELDOM)
queued = 3
promise("what it has queued is told on", sleep_after(1, first) == OFTEN and promise.queued == 3)
queued = 0
promise("it looks often for a while after it has queued a task", sleep_after(BUSY - 1, first) == OFTEN)
executor.running.add("task")
promise("it looks often while a task runs", sleep_after(10 * BUSY, first) == OFTEN)
executor.running.clear()
promise("and for a while longer", sleep_after(BUSY - 1, first) == OFTEN and sleep_after(1, first) == SELDOM)
slow = runner(5)
promise("an operator's longer sleep stays", sleep_after(0, slow) == 5 and sleep_after(BUSY, slow) == 5)
rest_when_idle(Stranger)
promise("a scheduler that upstream has changed is left alone", "schedule_and_rest" not in str(Stranger._do_scheduling))


class Work:
    """`key` names it."""

    running_state, success_state, failure_state = None, "success", "failed"

    def __init__(self, key: int) -> None:
        self.key, self.token, self.ti, self.display_name = key, "", SimpleNamespace(priority_weight=1), str(key)


def until(what: str, holds) -> None:
    for _ in range(1000):
        if holds():
            return promise(what, True)
        time.sleep(0.01)
    promise(what, False)


def do(made: LocalExecutor, *keys: int) -> bool:
    made.queued_tasks.update({key: Work(key) for key in keys})
    made.heartbeat()
    return set(keys) <= set(made.event_buffer)


BaseExecutor.run_workload = staticmethod(lambda *_, **__: None)
make_dispatch_certain(LocalExecutor)
make_end_certain(LocalExecutor)
executor = LocalExecutor(parallelism=3)
executor.start()
last = runner()
sleep_after(0, last)
until("its executor does work", lambda: do(executor, 1, 2, 3))
executor.running.clear()
promise("its workers stay for a while", sleep_after(BUSY - 1, last) == OFTEN and len(executor.workers) == 3)
first_workers = list(executor.workers.values())
until("then they go", lambda: sleep_after(1, last) == SELDOM and not any(worker.is_alive() for worker in first_workers))
executor.heartbeat()
promise("and are forgotten", executor.workers == {})
until("work that comes later is done by new ones", lambda: do(executor, 4, 5, 6, 7))
executor.end()
promise("and the executor ends as ever", sorted(executor.event_buffer) == [1, 2, 3, 4, 5, 6, 7])
sys.exit(1 if failed else 0)
