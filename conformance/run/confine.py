"""What keeps a worker process from harming anything else, at the far end of its connection."""

from __future__ import annotations

import contextlib
import faulthandler
import os
import signal
import sys
import tempfile
from pathlib import Path

from conformance.case.errors import AdapterUnavailable

GIB = 1 << 30
_TAIL_LINES = 20


def confine() -> str:
    """Make this process the leader of a group, the kernel's first choice when memory runs out, and silent.

    Both standard streams, those of C code too, go to a file; there a fatal signal leaves its traceback as well.

    Returns:
        The path of that file.
    """
    if hasattr(os, "setsid"):
        with contextlib.suppress(OSError):  # it leads one already
            os.setsid()  # what the adapter starts can be killed with it, and Ctrl-C is left to the near end
    with contextlib.suppress(OSError):  # only Linux has it
        Path("/proc/self/oom_score_adj").write_text("1000")
    handle, log = tempfile.mkstemp(prefix="conformance-", suffix=".log")
    os.close(handle)
    handle = os.open(log, os.O_WRONLY | os.O_APPEND)
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    os.close(handle)
    faulthandler.enable(all_threads=False)
    return log


def forget_output() -> None:
    """Empty the log: what was printed for the cases before is of no more use."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):  # an adapter may have closed it, or put anything in its place
            stream.flush()
    with contextlib.suppress(OSError):
        os.ftruncate(1, 0)


def limit_memory(gib: float) -> None:
    """Limit what this process may allocate.

    Raises:
        AdapterUnavailable: this platform cannot.
    """
    if sys.platform != "linux":
        raise AdapterUnavailable(f"--memory works on Linux only; the worker runs on {sys.platform}")
    import resource

    # Private writable memory, what malloc gives. Not RLIMIT_AS: frameworks reserve far more addresses than they use.
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = int(gib * GIB)
    resource.setrlimit(resource.RLIMIT_DATA, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard))


def bury(pid: int, log: str) -> str:
    """Kill what is left of a worker, with all it has started, and remove its log. Runs beside it, not in it.

    Returns:
        The last lines of its log.
    """
    for kill in (getattr(os, "killpg", os.kill), os.kill):
        with contextlib.suppress(OSError):
            kill(pid, getattr(signal, "SIGKILL", signal.SIGTERM))
    try:
        text = Path(log).read_text(errors="replace")
    except OSError:
        return ""
    Path(log).unlink(missing_ok=True)
    return "\n".join(text.splitlines()[-_TAIL_LINES:])
