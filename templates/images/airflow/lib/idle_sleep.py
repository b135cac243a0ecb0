"""
Lets a scheduler that has nothing to do sleep longer between two looks at the database.

With a short `scheduler.scheduler_idle_sleep_time` a task that waits for another one starts soon. But the scheduler looks
as often when nothing has run for hours, and each look costs CPU here and in Postgres.
"""

import logging
import time

log = logging.getLogger(__name__)

# Seconds: for so long it looks often after the last task, and so seldom later (Airflow's own default).
BUSY = 60
SELDOM = 1.0


def sleep_longer_when_idle(runner: type, clock=time.monotonic) -> None:
    """Makes this SchedulerJobRunner sleep for SELDOM, if no task has run or was queued for BUSY."""
    try:
        schedule, names = runner._do_scheduling, runner._run_scheduler_loop.__code__.co_names
    except AttributeError as error:
        return log.warning("Left the scheduler's sleep as it is: %s", error)
    if not {"_do_scheduling", "_scheduler_idle_sleep_time", "executors"} <= set(names):
        return log.warning("Left the scheduler's sleep as it is: its loop sleeps in another way")

    def schedule_and_count(self, session):
        queued = schedule(self, session)
        mine = self.__dict__
        often = mine.setdefault("_idle_sleep_often", self._scheduler_idle_sleep_time)
        if queued or any(executor.running for executor in self.executors):
            mine["_idle_sleep_since"] = clock()
        since = mine.setdefault("_idle_sleep_since", clock())
        self._scheduler_idle_sleep_time = often if clock() - since < BUSY else max(often, SELDOM)
        return queued

    runner._do_scheduling = schedule_and_count
