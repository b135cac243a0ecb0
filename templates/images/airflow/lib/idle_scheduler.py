"""
What a scheduler that has nothing to do spares (for 3.3.2).

With a short `scheduler.scheduler_idle_sleep_time` a task that waits for another one starts soon. But the scheduler looks
as often when nothing has run for hours, and each look costs CPU here and in Postgres. And LocalExecutor keeps all of its
workers, which after their first tasks hold 30 MiB each.
"""

import logging
import time

log = logging.getLogger(__name__)

# Seconds: for so long it looks often after the last task, and so seldom later (Airflow's own default).
BUSY = 60
SELDOM = 1.0


def rest_when_idle(runner: type, clock=time.monotonic) -> None:
    """
    Makes this SchedulerJobRunner rest if no task has run or was queued for BUSY: it sleeps for SELDOM, and lets its
    executors' workers go. LocalExecutor makes new ones when it gets work.
    """
    try:
        schedule, names = runner._do_scheduling, runner._run_scheduler_loop.__code__.co_names
    except AttributeError as error:
        return log.warning("Left the idle scheduler as it is: %s", error)
    if not {"_do_scheduling", "_scheduler_idle_sleep_time", "executors"} <= set(names):
        return log.warning("Left the idle scheduler as it is: its loop sleeps in another way")

    def schedule_and_rest(self, session):
        queued = schedule(self, session)
        mine = self.__dict__
        often = mine.setdefault("_rest_often", self._scheduler_idle_sleep_time)
        if queued or any(executor.running for executor in self.executors):
            mine["_rest_since"] = clock()
        is_idle = clock() - mine.setdefault("_rest_since", clock()) >= BUSY
        for executor in self.executors if is_idle else ():
            let_workers_go(executor)
        self._scheduler_idle_sleep_time = max(often, SELDOM) if is_idle else often
        return queued

    runner._do_scheduling = schedule_and_rest


def let_workers_go(executor) -> None:
    """
    Sends each worker of a LocalExecutor a goodbye, as at its end. Other executors have none here. A worker that is just
    ending may get a second one: then another worker takes it, and is made again when there is work.
    """
    queue, workers = getattr(executor, "activity_queue", None), getattr(executor, "workers", None)
    if not queue or not isinstance(workers, dict) or not queue.empty():
        return
    for worker in workers.values():
        if worker.is_alive():
            queue.put(None)
