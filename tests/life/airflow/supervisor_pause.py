"""Real supervisors of the image's Airflow, with real processes. Says "ok" for each promise, and fails at the first broken one."""

import os
import sys
import time
import uuid
from unittest.mock import MagicMock

from airflow.sdk.execution_time.supervisor import ActivitySubprocess
from supervisor_pause import wake_at_exit


class Supervisor(ActivitySubprocess):
    def _on_child_started(self, **_):
        """Nobody has to be told of this one."""


class Stranger:
    """What upstream could make of it."""

    def _register_pipe_readers(self): ...

    def _service_subprocess(self): ...


def close_sockets_then_end():
    """What every process does that ends, with some time in between, as on a busy machine."""
    os.closerange(0, 256)
    time.sleep(0.1)
    os._exit(7)


def end_at_once():
    os._exit(7)


def be_killed():
    os.closerange(0, 256)
    time.sleep(0.1)
    os.kill(os.getpid(), 9)


def seconds(target) -> tuple[float, int]:
    started = time.monotonic()
    process = Supervisor.start(
        what=MagicMock(id=uuid.uuid4()), dag_rel_path="", bundle_info=MagicMock(), client=MagicMock(), target=target
    )
    code = process.wait()
    return time.monotonic() - started, int(code)


def files() -> int:
    return len(os.listdir("/proc/self/fd"))


def promise(what: str, kept: bool) -> None:
    print("ok" if kept else "BROKEN", what, flush=True)
    if not kept:
        sys.exit(1)


if "wake_at_exit" not in sys.argv:
    wake_at_exit(Supervisor)

took, code = seconds(close_sockets_then_end)
print(f"{took:.2f} s")
promise("a supervisor notices the end of a process whose sockets closed before", took < 3 and code == 7)

took, code = seconds(be_killed)
promise("a process that was killed has its signal as its code", took < 3 and code == -9)

before = files()
for _ in range(20):
    seconds(end_at_once)
promise("no file descriptor is left behind", files() == before)

register = Stranger._register_pipe_readers
wake_at_exit(Stranger)
promise("a supervisor that works in another way is left as it is", Stranger._register_pipe_readers is register)
