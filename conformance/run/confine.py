"""Keeps a worker process from harming anything else; used at the worker's end of the connection."""

from __future__ import annotations

import contextlib
import faulthandler
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from conformance.case.errors import AdapterUnavailable

GIB = 1 << 30
_TAIL_LINES = 20
_SPEAK_SECONDS = 0.3
_ALONE_SECONDS = 30.0
_WORKER = "conformance/run/worker.py"
_HARNESS = "conformance/adapters/harness/"


_MARK = 10
"""RLIMIT_LOCKS: Linux has not used it since 2.4, and processes inherit it even if they change their group, session or
environment."""
_GONE_SECONDS = 5.0
_LOOK_SECONDS = 0.005


def confine() -> tuple[str, int]:
    """Make this process a group leader, the kernel's first victim when memory runs out, and redirect its output.

    Both standard streams, including those of C code, go to a file; fatal signals and `kill` write a traceback there
    too.

    Returns:
        The path of that file, and the mark of this process and of all that it will start; 0 if it has none.
    """
    if hasattr(os, "setsid"):
        with contextlib.suppress(OSError):  # it already leads one
            os.setsid()  # so that what the adapter starts can be killed with it, and Ctrl-C reaches only the run
    _hear_ctrl_c()
    with contextlib.suppress(OSError):  # only Linux has it
        Path("/proc/self/oom_score_adj").write_text("1000")
    handle, log = tempfile.mkstemp(prefix="conformance-", suffix=".log")
    os.close(handle)
    handle = os.open(log, os.O_WRONLY | os.O_APPEND)
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    os.close(handle)
    _open_streams()
    faulthandler.enable(file=2, all_threads=False)
    if hasattr(faulthandler, "register"):
        faulthandler.register(signal.SIGUSR1, file=2, all_threads=False, chain=True)  # and ends the process, as usual
    return log, _marked()


def _open_streams() -> None:
    """Give Python streams where it has none because the run was started with them closed."""
    sys.stdout = sys.stdout or os.fdopen(1, "w", errors="backslashreplace", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(2, "w", errors="backslashreplace", closefd=False)


def _hear_ctrl_c() -> None:
    """Restore the usual effect of SIGINT, which is blocked when a worker starts. Signals from before are dropped."""
    if hasattr(signal, "pthread_sigmask") and threading.current_thread() is threading.main_thread():
        usual = signal.signal(signal.SIGINT, signal.SIG_IGN)  # drops pending signals
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
        signal.signal(signal.SIGINT, usual)


def forget_output() -> None:
    """Empty the log: what earlier cases printed is no longer needed."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):  # an adapter may have closed or replaced it
            stream.flush()
    with contextlib.suppress(OSError):
        os.ftruncate(1, 0)


@contextlib.contextmanager
def ending_after(timeout: float) -> Iterator[None]:
    """End this process if it stays in this context long after the timeout.

    Normally the run kills it in time; this is for when the run or the connection is gone. It uses the kernel's timer,
    which works even if the interpreter hangs and costs almost nothing; where there is none, as on Windows, a thread.
    """
    seconds = timeout + _ALONE_SECONDS
    kernel = hasattr(signal, "setitimer")
    with contextlib.suppress(OverflowError, OSError):  # a timeout this large is as good as no limit
        if kernel:
            signal.setitimer(signal.ITIMER_REAL, seconds)
        else:
            faulthandler.dump_traceback_later(seconds, exit=True)
    try:
        yield
    finally:
        if kernel:
            signal.setitimer(signal.ITIMER_REAL, 0.0)
        else:
            faulthandler.cancel_dump_traceback_later()


def limit_memory(gib: float) -> None:
    """Limit what this process may allocate.

    Raises:
        AdapterUnavailable: this platform cannot.
    """
    if sys.platform != "linux":
        raise AdapterUnavailable(f"a worker's memory can be limited on Linux only; this one runs on {sys.platform}")
    import resource

    # Private writable memory, what malloc gives. Not RLIMIT_AS: frameworks reserve far more addresses than they use.
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = int(gib * GIB)
    resource.setrlimit(resource.RLIMIT_DATA, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard))


def _marked() -> int:
    """Mark this process, and so all that it starts from now on, with a unique number; 0 if that is impossible."""
    if sys.platform != "linux":
        return 0
    import resource

    mark = 1 + int.from_bytes(os.urandom(7))
    with contextlib.suppress(OSError, ValueError):  # the limit is already in use
        resource.setrlimit(_MARK, (mark, resource.getrlimit(_MARK)[1]))
        return mark
    return 0


def end_all(leader: int, mark: int = 0) -> None:
    """Kill a process, all others in its group and all with its mark, and wait briefly for them to end.

    On a platform without groups, kill that process; without /proc, do not wait.
    """
    until = time.monotonic() + _GONE_SECONDS
    while True:
        with contextlib.suppress(OSError):  # nothing is left
            getattr(os, "killpg", os.kill)(leader, getattr(signal, "SIGKILL", signal.SIGTERM))
        if not _kill(_running(leader, mark)) or time.monotonic() > until:
            return
        time.sleep(_LOOK_SECONDS)


def end_others(mark: int) -> None:
    """Kill all processes with this process's mark, except itself."""
    until = time.monotonic() + _GONE_SECONDS
    while _kill(_running(-1, mark) - {os.getpid()}) and time.monotonic() < until:
        time.sleep(_LOOK_SECONDS)


def end_like(code: int) -> None:
    """End this process, and all it has started, as another has ended. code: as `subprocess` has it."""
    if code < 0:
        faulthandler.disable()  # where this process is says nothing of why the other ended
        with contextlib.suppress(OSError, ValueError):  # SIGKILL, which needs no handler
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)


def _kill(processes: set[int]) -> bool:
    for pid in processes:
        with contextlib.suppress(OSError):  # it has just ended
            os.kill(pid, signal.SIGKILL)
    return bool(processes)


def _running(group: int, mark: int) -> set[int]:
    """The processes of a group, and those with a mark, that have not ended yet (Linux)."""
    found = set()
    for pid in map(int, filter(str.isdecimal, os.listdir("/proc") if sys.platform == "linux" else ())):  # noqa: PTH208
        with contextlib.suppress(OSError):  # it has just ended, or is another user's
            if (os.getpgid(pid) == group or (mark and _mark_of(pid) == mark)) and not _has_ended(pid):
                found.add(pid)
    return found


def _has_ended(pid: int) -> bool:
    """Whether a process is a zombie: it has ended, and only its exit status is left."""
    state, *_ = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    return state in "ZX"


def _mark_of(pid: int) -> int:
    import resource

    return resource.prlimit(pid, _MARK)[0]


def kill(pid: int, log: str, mark: int, *, dump_stack: bool = False) -> str:
    """Kill what is left of a worker and all it has started, and remove its log. Runs in another process at its place.

    Args:
        mark: the worker's mark, see `confine`.
        dump_stack: first have it write its current stack to the log.

    Returns:
        The end of its log.
    """
    with contextlib.suppress(OSError, AttributeError):  # it has ended; a platform without groups
        if dump_stack and os.getpgid(pid) == pid:
            os.kill(pid, signal.SIGUSR1)
            time.sleep(_SPEAK_SECONDS)
    end_all(pid, mark)
    try:
        text = Path(log).read_text(errors="replace")
    except OSError:
        return ""
    Path(log).unlink(missing_ok=True)
    return "\n".join(_end(text.splitlines()))


def _end(lines: list[str]) -> list[str]:
    """The last lines; of a traceback, which begins with the innermost call, the adapter's calls and those below.

    None of one that waits for a harness: where that is, the calls of this process do not say.
    """
    heads = [n for n, line in enumerate(lines) if line.endswith("(most recent call first):")]
    if not heads:
        return lines[-_TAIL_LINES:]
    before, calls = lines[: heads[-1] + 1], lines[heads[-1] + 1 :]
    if any(_HARNESS in line.replace("\\", "/") for line in calls):
        return before[:-1][-_TAIL_LINES:]
    ours = (n for n, line in enumerate(calls) if _WORKER in line.replace("\\", "/"))
    return [*before[-_TAIL_LINES // 2 :], *calls[: min(next(ours, len(calls)), _TAIL_LINES)]]
