"""A real LocalExecutor of the image's Airflow with real workers; only what they run is a stand-in."""

import os
import signal
import sys
import time
from types import SimpleNamespace

from airflow.executors.base_executor import BaseExecutor
from airflow.executors.local_executor import LocalExecutor
from local_executor_mends import make_dispatch_certain, make_end_certain


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


# A worker's logs hold the errors of its tasks; only promises are said here.
os.setpgid(0, 0)
BaseExecutor.run_workload = staticmethod(run)
for mend, name in ((make_dispatch_certain, "dispatch"), (make_end_certain, "end")):
    if name not in sys.argv:
        mend(LocalExecutor)

reader, writer = os.pipe()
one = executor(reader, 200)
within(5, "while all workers run long tasks the scheduler goes on", lambda: [one.heartbeat() for _ in range(100)])
waiting = one.queued_tasks
promise("what waits is the work of the lowest priority", sorted(waiting) == list(range(len(waiting))) and len(waiting) > 100)
promise("the executor says that it has no room for more", one.slots_available <= 0)
os.write(writer, b"." * 200)
within(20, "all work is done", lambda: finish(one, 200))
promise("each piece of it once", sorted(one.event_buffer) == list(range(200)) and not one.queued_tasks)
within(5, "an idle executor ends", one.end)

two = executor(reader, 4)
two.heartbeat()
os.write(writer, b"!" * 4)
within(10, "an executor ends although its last results fill their pipe", two.end)
promise("and knows these results", [state for state, _ in two.event_buffer.values()] == ["failed"] * 4)

for mend, name in ((make_dispatch_certain, "_process_workloads"), (make_end_certain, "end")):
    before = getattr(Stranger, name)
    mend(Stranger)
    promise(f"an executor with another {name} is left as it is", getattr(Stranger, name) is before)
