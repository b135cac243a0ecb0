"""A real LocalExecutor of the image's Airflow with real workers; only what they run is a stand-in."""

import os
import signal
import sys
import time
from types import SimpleNamespace

from airflow.executors.base_executor import BaseExecutor
from airflow.executors.local_executor import LocalExecutor
from local_executor_mends import has_room, make_dispatch_certain, make_end_certain


class Work:
    """As large as real work in the pipe; `key` names it."""

    running_state, success_state, failure_state = None, "success", "failed"

    def __init__(self, key: int, ends) -> None:
        self.key, self.ends, self.token = key, ends, "x" * 1500
        self.ti = SimpleNamespace(priority_weight=key)
        self.display_name = str(key)


class Stranger:
    """What upstream could make of it."""

    def _process_workloads(self, work): ...

    def end(self): ...


def run(work, **_):
    """Reads one byte: whoever waits for it is a worker with a long task."""
    if os.read(work.ends, 1) == b"!":
        error = RuntimeError("failed")
        error.details = "x" * 40_000
        raise error


def promise(what: str, kept: bool) -> None:
    print("ok" if kept else "BROKEN", what, flush=True)
    if not kept:
        os.killpg(0, signal.SIGKILL)


def within(limit: int, what: str, act) -> None:
    signal.signal(signal.SIGALRM, lambda *_: promise(what, False))
    signal.alarm(limit)
    act()
    signal.alarm(0)
    promise(what, True)


def executor(ends: int, work: int) -> LocalExecutor:
    made = LocalExecutor(parallelism=4)
    made.start()
    made.queued_tasks = {key: Work(key, ends) for key in range(work)}
    return made


def finish(made: LocalExecutor, work: int) -> None:
    while len(made.event_buffer) < work:
        made.heartbeat()
        time.sleep(0.01)


def long_tasks(ends, release) -> None:
    one = executor(ends, 200)
    within(15, "while all workers run long tasks the scheduler goes on", lambda: [one.heartbeat() for _ in range(100)])
    waiting = one.queued_tasks
    promise("what waits is the work of the lowest priority", sorted(waiting) == list(range(len(waiting))))
    promise("the executor says that it has no room for more", len(waiting) > 100 and one.slots_available <= 0)
    os.write(release, b"." * 200)
    within(60, "all work is done", lambda: finish(one, 200))
    promise("each piece of it once", sorted(one.event_buffer) == list(range(200)) and not one.queued_tasks)
    within(15, "an idle executor ends", one.end)


def full_pipes(ends, release) -> None:
    """Both pipes are full, as after a slow round of a scheduler with many workers; here with few, and large results."""
    one = executor(ends, 100)
    while has_room(one.activity_queue, work := Work(min(one.queued_tasks), ends)):
        one._process_workloads([work])
        time.sleep(0.01)
    os.write(release, b"!" * 100)
    time.sleep(1)
    within(15, "the scheduler goes on although workers wait until it reads their results", one.heartbeat)
    within(60, "all of it fails, as it should", lambda: finish(one, 100))
    one.end()


def last_results(ends, release) -> None:
    one = executor(ends, 4)
    one.heartbeat()
    os.write(release, b"!" * 4)
    within(15, "an executor ends although its last results fill their pipe", one.end)
    promise("and knows these results", [state for state, _ in one.event_buffer.values()] == ["failed"] * 4)


def strangers(*_) -> None:
    for mend, name in ((make_dispatch_certain, "_process_workloads"), (make_end_certain, "end")):
        before = getattr(Stranger, name)
        mend(Stranger)
        promise(f"an executor with another {name} is left as it is", getattr(Stranger, name) is before)


# Which mend to leave away, and which of the functions to call: all without a name.
left_out, *wanted = (*sys.argv[1:], "")
os.setpgid(0, 0)
BaseExecutor.run_workload = staticmethod(run)
for mend in (make_dispatch_certain, make_end_certain):
    if mend.__name__ != left_out:
        mend(LocalExecutor)
for scene in (long_tasks, full_pipes, last_results, strangers):
    if scene.__name__ in wanted or not any(wanted):
        scene(*os.pipe())
