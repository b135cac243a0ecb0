"""
Keeps the scheduler from waiting for LocalExecutor's workers where it must not (seen in 3.3.2).

The scheduler hands work to them through one pipe and gets results through another; each holds 64 KiB.
"""

import logging
import select
import time
from mmap import PAGESIZE
from multiprocessing.reduction import ForkingPickler

log = logging.getLogger(__name__)


def make_dispatch_certain(executor: type) -> None:
    """
    Airflow writes all work that it has into the pipe. Once it is full the scheduler stands in that write until a worker is
    free: while all of them run long tasks it schedules nothing and has no heartbeat. Where workers, too, stand in a write,
    of results that nobody reads meanwhile, it stands there for ever (apache/airflow#70526).
    Here work that the pipe has no room for stays in the executor's own queue, by priority, until the next heartbeat.
    """
    try:
        process, names = executor._process_workloads, executor._process_workloads.__code__.co_names
    except AttributeError as error:
        return log.warning("Left the dispatch of LocalExecutor as it is: %s", error)
    if not {"activity_queue", "_unread_messages", "queued_tasks"} <= set(names):
        return log.warning("Left the dispatch of LocalExecutor as it is: it keeps its work elsewhere")

    def dispatch(self, workloads):
        for workload in workloads:
            if not has_room(self.activity_queue, workload):
                break
            process(self, [workload])

    executor._process_workloads = dispatch


def make_end_certain(executor: type) -> None:
    """
    Airflow sends one goodbye for each worker that is alive at that moment, then waits for one worker after the other, and
    reads no results meanwhile. A worker that takes a goodbye and is gone before its own turn leaves the last worker without
    one; results of more than 64 KiB leave all of them standing in their write (apache/airflow#67870).
    """
    try:
        end, names = executor.end, executor.end.__code__.co_names
    except AttributeError as error:
        return log.warning("Left the end of LocalExecutor as it is: %s", error)
    if not {"activity_queue", "workers", "_read_results"} <= set(names):
        return log.warning("Left the end of LocalExecutor as it is: it waits in another way")

    def wait_and_end(self):
        goodbyes = len(self.workers)
        self.log.info("Waiting for running tasks to finish")
        while any(worker.is_alive() for worker in self.workers.values()):
            while goodbyes and has_room(self.activity_queue):
                self.activity_queue.put(None)
                goodbyes -= 1
            self._read_results()
            time.sleep(0.05)
        end(self)

    executor.end = wait_and_end


def has_room(queue, message=None) -> bool:
    """Whether the message can be put without waiting."""
    poll = select.poll()
    poll.register(queue._writer, select.POLLOUT)
    # The kernel says that one page is free. A larger message has all of them to itself.
    return bool(poll.poll(0)) and (len(ForkingPickler.dumps(message)) < PAGESIZE - 4 or queue.empty())
