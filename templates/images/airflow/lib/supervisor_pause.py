"""
Ends a pause of Airflow's supervisors (seen in 3.3.2).

A supervisor sleeps in a selector that holds the sockets of its process. A process that ends closes them first, and can be
waited for a moment later: a supervisor that is quick enough to look in between finds it alive, and has nothing left to be
woken by. It sleeps for a whole `workers.min_heartbeat_interval` (5 s), and the next task waits for its slot. Here the
process itself is in the selector, too, as a pidfd: its end wakes the supervisor.

For every program that supervises tasks: the scheduler (LocalExecutor) and workers of Celery.
"""

import logging
import os
import selectors
from io import FileIO

log = logging.getLogger(__name__)


def wake_at_exit(supervisor: type) -> None:
    """Makes supervisors of this class (a WatchedSubprocess) notice at once that their process has ended."""
    if why := obstacle(supervisor):
        log.warning("Left %s as it is: %s", getattr(supervisor, "__name__", supervisor), why)
        return
    register_sockets = supervisor._register_pipe_readers

    def register(self, *sockets, **options):
        register_sockets(self, *sockets, **options)
        try:
            process = FileIO(os.pidfd_open(self.pid))
        except OSError:
            return  # no file descriptor is left: it goes on as it would have
        # A handler that answers False wants no more events: the supervisor calls on_close and closes the file.
        self.selector.register(process, selectors.EVENT_READ, (lambda _: False, self.selector.unregister))

    supervisor._register_pipe_readers = register


def obstacle(supervisor: type) -> str | None:
    """Says why this supervisor, or this system, is not the one that the mend is for."""
    try:
        register, service = supervisor._register_pipe_readers.__code__, supervisor._service_subprocess.__code__
    except AttributeError as error:
        return str(error)
    if "_open_sockets" not in register.co_names:
        return "it keeps its sockets elsewhere"
    if not {"socket_handler", "on_close"} <= set(service.co_varnames):
        return "it handles what wakes it in another way"
    try:
        os.close(os.pidfd_open(os.getpid()))
    except (AttributeError, OSError) as error:
        return f"pidfd_open: {error}"
    return None
