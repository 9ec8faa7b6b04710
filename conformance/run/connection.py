"""A worker process at a place: starts it, sends and receives messages, and ends it with all that it has started."""

from __future__ import annotations

import contextlib
import queue
import signal
import subprocess
import threading
import time
from concurrent.futures import Future, wait
from math import inf
from typing import Any, Final

import execnet

from conformance.run.confine import kill
from conformance.run.places import Place

_EXIT_SECONDS = 5.0
_LOOK_SECONDS = 0.25
_DRAIN_SECONDS = 1.0
_KILL_SECONDS = 60.0
_BOOTSTRAP = "from conformance.run.worker import serve\nserve(channel)\n"
_KILL = """
import sys
from conformance.run.confine import kill
print(kill(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), dump_stack=len(sys.argv) > 4))
"""
END: Final = object()
"""Returned in place of a message when no more can come."""


class CannotStart(Exception):
    """The process cannot be started; the text says why."""


class Connection:
    """A process that runs conformance.run.worker, which may still be starting.

    program: what it runs at the place, with a `channel`; reports itself there, see `known_as`.
    began: when, by time.monotonic.
    """

    def __init__(self, place: Place, program: str = _BOOTSTRAP) -> None:
        self.began = time.monotonic()
        self._place = place
        self._program = program
        self._group = execnet.Group()
        self._started: Future[None] = Future()  # when done, the next two are set, or it has the error
        self._popen: Any = None
        self._channel: Any = None
        self._abandoned = False
        self._pid: int | None = None
        self._log = ""
        self._mark = 0
        self._inbox: queue.SimpleQueue[tuple[float, object]] = queue.SimpleQueue()
        self._outbox: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self._killed: str | None = None

    def open(self) -> None:
        """Begin to start the process, without waiting for it; `close` must be called in any case."""
        threading.Thread(target=self._talk, daemon=True).start()

    def _talk(self) -> None:
        """Start the process, then write to it; runs in a separate thread.

        Starting an interpreter takes time, and writing to a process that hangs would block forever.
        """
        try:
            self._start()
        except Exception as error:
            self._started.set_exception(error)
            return
        self._started.set_result(None)
        if self._abandoned:  # by `close`, which left the cleanup to this thread
            self.close()
            return
        for message in iter(self._outbox.get, None):
            try:
                self._channel.send(message)
            except OSError:
                return  # it is gone; waiting for its answer reports that

    def _start(self) -> None:
        if hasattr(signal, "pthread_sigmask"):  # Ctrl-C goes to all processes of a terminal; until it has left that
            signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])  # (confine), the new one hears as little as this
        gateway = self._group.makegateway(self._place.gateway)
        self._popen = gateway._io.popen  # execnet has no public way to learn how a process ended
        self._channel = gateway.remote_exec(self._place.preamble + self._program)
        self._channel.setcallback(lambda message: self._inbox.put((time.monotonic(), message)), endmarker=END)

    def wait_until_started(self, seconds: float) -> None:
        """Wait until the process is running; from then on, this one's environment no longer affects it.

        Raises:
            CannotStart: it cannot be started, or is not running in time.
        """
        if not wait([self._started], max(seconds, 0.0)).done:
            raise CannotStart("no process has started there")
        try:
            self._started.result()
        except (OSError, EOFError, AssertionError, execnet.HostNotFound) as error:
            raise CannotStart(f"no process can be started there: {error!r}") from error

    def known_as(self, pid: int, log: str, mark: int) -> None:
        """Record what the process has reported about itself, to find it and what it has started."""
        self._pid, self._log, self._mark = pid, log, mark

    @property
    def ended(self) -> bool:
        """Whether the process is gone. Earlier messages can still be received."""
        return self._popen.poll() is not None

    def send(self, message: dict[str, Any]) -> None:
        """Send a message without waiting, not even until it is read."""
        self._outbox.put(message)

    def receive(self, deadline: float) -> tuple[float, object]:
        """When the next message arrived (infinity: none in time), and the message, `END` if no more can come."""
        while True:
            left = deadline - time.monotonic()
            try:
                return self._inbox.get(timeout=min(max(left, 0.0), _LOOK_SECONDS))
            except queue.Empty:
                if left <= 0:
                    return inf, None
            if self.ended:  # a process it has forked may keep the connection open
                with contextlib.suppress(queue.Empty):
                    return self._inbox.get(timeout=_DRAIN_SECONDS)
                return min(time.monotonic(), deadline), END

    def close(self, *, at_work: bool = False) -> None:
        """End the process and what it has started, immediately if it is busy, and remove its log."""
        self._outbox.put(None)
        if not wait([self._started], _EXIT_SECONDS).done:  # what has not started cannot be ended
            self._abandoned = True
            if not self._started.done():
                return
        if at_work:
            self.kill()
        with contextlib.suppress(OSError):
            if self._channel is not None:
                self._channel.close()
        self._group.terminate(timeout=2.0)
        if not self._place.ssh:
            self.kill()  # what it has started; no need to connect to a host again if the worker ended well

    def kill(self, *, dump_stack: bool = False) -> str:
        """Kill the process and what it has started, and remove its log; returns the end of the log. Does it only once.

        Args:
            dump_stack: first have it write its current stack to the log.
        """
        if self._killed is None:
            self._killed = self._kill(dump_stack)
        return self._killed

    def _kill(self, dump_stack: bool) -> str:
        if self._pid is None:
            if self._channel is not None:
                self._popen.kill()
            return ""
        if not self._place.ssh:
            return kill(self._pid, self._log, self._mark, dump_stack=dump_stack)
        arguments = [str(self._pid), self._log, str(self._mark), *(["dump_stack"] if dump_stack else [])]
        try:
            done = self._place.call(_KILL, *arguments, seconds=_KILL_SECONDS)
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"(its place cannot be reached any more: {error})"
        return (done.stdout if done.returncode == 0 else done.stderr).rstrip("\n")

    def last_words(self, note: str = "") -> str:
        """How the process ended, a note on that, and what it printed."""
        try:
            self._channel.waitclose(0.0)
        except self._channel.RemoteError as error:
            return f"an error in the worker\n{error}"
        except (EOFError, self._channel.TimeoutError):
            pass
        status = self._exit_status() + note  # first, because a process may print until it ends
        return "\n".join(filter(None, [status, self.kill()]))

    def _exit_status(self) -> str:
        try:
            code = self._popen.wait(_EXIT_SECONDS)
        except subprocess.TimeoutExpired:
            return "its connection closed"
        if self._place.ssh and code == 255:
            return "a signal, or the loss of the connection"
        if code > 128 and self._place.ssh:  # as a shell reports a signal
            code = 128 - code
        if code >= 0:
            return f"exit code {code}"
        killed = ", by hand or by the kernel for lack of memory" if code == -9 else ""
        return (signal.strsignal(-code) or f"signal {-code}") + killed
