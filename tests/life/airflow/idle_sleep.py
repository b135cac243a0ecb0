"""The image's SchedulerJobRunner with a loop of its own; what it schedules, and its clock, are stand-ins."""

import sys
from types import SimpleNamespace

from airflow.jobs.scheduler_job_runner import SchedulerJobRunner
from idle_sleep import BUSY, SELDOM, sleep_longer_when_idle

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


def sleep_after(seconds: float, runner) -> float:
    global now
    now += seconds
    promise.queued = runner._do_scheduling(None)
    return runner._scheduler_idle_sleep_time


def runner(often: float = OFTEN):
    made = SchedulerJobRunner.__new__(SchedulerJobRunner)
    made.__dict__.update(_scheduler_idle_sleep_time=often, executors=[executor])
    return made


SchedulerJobRunner._do_scheduling = lambda self, session: queued
if "sleep_longer_when_idle" not in sys.argv:
    sleep_longer_when_idle(SchedulerJobRunner, clock=lambda: now)

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
sleep_longer_when_idle(Stranger)
promise("a scheduler that upstream has changed is left alone", "schedule_and_count" not in str(Stranger._do_scheduling))
sys.exit(1 if failed else 0)
