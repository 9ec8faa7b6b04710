"""The near end of a worker: starts its process, asks it, notices when it is gone or silent."""

from __future__ import annotations

import contextlib
import queue
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, wait
from math import inf
from typing import TYPE_CHECKING, Any

import execnet

from conformance.adapters import registry
from conformance.case.errors import AdapterUnavailable
from conformance.run.confine import bury
from conformance.run.places import Place, place_of

if TYPE_CHECKING:
    # Not needed for a worker to be started; they are imported while it starts.
    from conformance.case.model import Case
    from conformance.case.tensors import Arrays
    from conformance.run.worker import Message

LOAD_SECONDS = 300.0
_EXIT_SECONDS = 5.0
_LOOK_SECONDS = 0.25
_DRAIN_SECONDS = 1.0
_BURY_SECONDS = 60.0
_BOOTSTRAP = "from conformance.run.worker import serve\nserve(channel)\n"
_BURY = """
import sys
from conformance.run.confine import bury
print(bury(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), speak=len(sys.argv) > 4))
"""
_END = object()


class WorkerDied(Exception):
    """The process ended; the text's first line says how, the others are the tail of what it printed.

    seconds: since the worker could begin with the request it had.
    """

    def __init__(self, text: str, seconds: float) -> None:
        super().__init__(text)
        self.seconds = seconds


class WorkerSilent(Exception):
    """No answer within the time allowed; the process has been killed. The text is where it was, and what it printed."""


class WorkerAtFault(Exception):
    """What came is no answer to the request; the process has been killed. The text says what came, and from whom."""


class Worker:
    """One adapter in one process. It answers requests in their order; more than one may be under way.

    Args:
        label: `[PLACE:]NAME[@DEVICE]`.
        places: those that labels may name.
        memory: GiB the process may allocate; None for no limit.
        load_timeout: seconds from the start of the process to the adapter's being made there.
        ready: wait until it is; without, there is other work to do before `wait_until_ready` is called.

    Raises:
        AdapterUnavailable: the adapter cannot be made there.
    """

    def __init__(
        self,
        label: str,
        places: Mapping[str, Place] | None = None,
        memory: float | None = None,
        *,
        load_timeout: float = LOAD_SECONDS,
        ready: bool = True,
    ) -> None:
        parsed = registry.parse(label)
        self.label = label
        self._place = place_of(parsed, places or {})
        self._memory = memory
        self._load_timeout = load_timeout
        known = self._place.adapters
        try:
            registry.check(parsed.name, known)
        except AdapterUnavailable as error:
            raise AdapterUnavailable(self._from_there(str(error))) from error
        self._group = execnet.Group()
        self._started: Future[None] = Future()  # its end: the next two are there, or why they are not
        self._popen: Any = None
        self._channel: Any = None
        self._abandoned = False
        self._pid: int | None = None
        self._log = ""
        self._mark = 0
        self._inbox: queue.SimpleQueue[tuple[float, Any]] = queue.SimpleQueue()
        self._outbox: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        self._asked = 0
        self._sent: deque[tuple[int, float, float]] = (
            deque()
        )  # of each request without an answer: id, when, its seconds
        self._answered = 0.0
        self._buried: str | None = None
        self._began = time.monotonic()
        self._outbox.put({"id": 0, "adapter": parsed.there, "memory": memory, "timeout": load_timeout})
        self._sent.extend([(0, self._began, load_timeout)] * 2)  # it answers with its process, then with its adapter
        with self._closed_if_it_fails():
            threading.Thread(target=self._talk, daemon=True).start()
            if ready:
                self.wait_until_ready()

    def _talk(self) -> None:
        """Start the process, then write to it; in a thread of its own.

        For an interpreter takes its time to start, and a process that hangs reads nothing: writing would wait for it
        without end.
        """
        try:
            self._start()
        except Exception as error:
            self._started.set_exception(error)
            return
        self._started.set_result(None)
        if self._abandoned:  # by `close`, which leaves to this thread what it would have done
            self.close()
            return
        for request in iter(self._outbox.get, None):
            try:
                self._channel.send(request)
            except OSError:
                return  # it is gone, which whoever waits for its answer will see

    def _start(self) -> None:
        if hasattr(signal, "pthread_sigmask"):  # Ctrl-C goes to all processes of a terminal; until it has left that
            signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])  # (confine), the new one hears as little as this
        gateway = self._group.makegateway(self._place.gateway)
        self._popen = gateway._io.popen  # execnet has no public way to learn how a process ended
        self._channel = gateway.remote_exec(self._place.preamble + _BOOTSTRAP)
        self._channel.setcallback(lambda message: self._inbox.put((time.monotonic(), message)), endmarker=_END)

    def wait_until_started(self) -> None:
        """Wait for the process to be there: from then on this one's environment is nothing to it.

        Raises:
            AdapterUnavailable: it cannot be started.
        """
        left = self._began + self._load_timeout - time.monotonic()
        if not wait([self._started], max(left, 0.0)).done:
            raise self._unavailable(f"no process has started there within {self._load_timeout:g} s (--load-timeout)")
        try:
            self._started.result()
        except (OSError, EOFError, AssertionError, execnet.HostNotFound) as error:
            raise self._unavailable(f"no process can be started there: {error!r}") from error

    def wait_until_ready(self) -> None:
        """Wait, once, for the adapter to be made.

        Then there are `info`, the AdapterInfo, and `seconds`, from the start of the process to the adapter's being made
        there.

        Raises:
            AdapterUnavailable: the adapter cannot be made there.
        """
        from conformance.adapters.capabilities import Capabilities
        from conformance.run.record import AdapterInfo

        with self._closed_if_it_fails():
            self.wait_until_started()
            told = self._introduced()
            if "unavailable" in told:
                raise AdapterUnavailable(self._from_there(told["unavailable"]) + self._limit())
        self.seconds = self._answered - self._began
        self.info = AdapterInfo(**told["info"])
        self._name = told["name"]
        self._capabilities = None if told["capabilities"] is None else Capabilities.from_json(told["capabilities"])

    def refusal(self, case: Case) -> str | None:
        """Why the adapter refuses a case, as far as that is known without asking it."""
        reason = None if self._capabilities is None else self._capabilities.refusal(case)
        return None if reason is None else f"{self._name} {reason}"

    def _introduced(self) -> Message:
        """What the worker says while it starts."""
        try:
            started = self.receive()
            self._pid, self._log, self._mark = started["pid"], started["log"], started["mark"]
            self._answered = self._began  # it is given its time once
            return self.receive()
        except WorkerDied as error:
            raise self._unavailable(f"the worker ended while it loaded: {error}") from error
        except WorkerSilent as error:
            where = f"; it was killed here:\n{error}" if str(error) else ""
            raise self._unavailable(f"did not load within {self._load_timeout:g} s (--load-timeout){where}") from error
        except WorkerAtFault as error:
            raise self._unavailable(str(error)) from error

    @contextlib.contextmanager
    def _closed_if_it_fails(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self.close()
            raise

    def send(self, case: Case, arrays: Arrays, timeout: float) -> None:
        """Ask for the answer to a case. Does not wait, not even for the worker to read the request.

        Args:
            timeout: seconds since the worker could begin with it: since it was sent, or the one before was answered.
        """
        from conformance.run.worker import request_of

        self._asked += 1
        self._sent.append((self._asked, time.monotonic(), timeout))
        self._outbox.put(request_of(case, arrays) | {"id": self._asked, "timeout": timeout})

    def receive(self) -> Message:
        """The answer (conformance.run.worker.answer) to the oldest request that has none yet.

        Raises:
            WorkerDied, WorkerSilent, WorkerAtFault: this worker is of no more use.
        """
        number, sent, timeout = self._sent[0]
        began = max(sent, self._answered)
        deadline = began + timeout
        came, message = self._next(deadline)
        if came > deadline:  # or late, while nobody looked
            raise WorkerSilent(self._bury(speak=came == inf))
        if message is _END:
            raise WorkerDied(self._last_words(), came - began)
        if not isinstance(message, dict) or message.get("id") != number:
            self._bury()
            raise WorkerAtFault(
                "what came is no answer to this case: the adapter, or a process it has started, writes to the "
                "connection of its worker"
            )
        self._sent.popleft()
        self._answered = came
        return message

    @property
    def ended(self) -> bool:
        """Whether the process is gone. What it answered before can still be received."""
        return self._popen.poll() is not None

    def ask(self, case: Case, arrays: Arrays, timeout: float) -> Message:
        """The worker's answer to a case, where nothing else is under way; see `send` and `receive`."""
        self.send(case, arrays, timeout)
        return self.receive()

    def close(self) -> None:
        """End the process, at once if it is at work, and remove its log."""
        self._outbox.put(None)
        if not wait([self._started], _EXIT_SECONDS).done:  # and what has not started can't be ended
            self._abandoned = True
            if not self._started.done():
                return
        if self._sent:
            self._bury()
        with contextlib.suppress(OSError):
            if self._channel is not None:
                self._channel.close()
        self._group.terminate(timeout=2.0)
        if not self._place.ssh:
            self._bury()  # what it has started; there is no need to go to a host for a worker that ended well

    def _next(self, deadline: float) -> tuple[float, Any]:
        """When the next message came, and the message: `_END` if there can be none. Infinity if none came in time."""
        while True:
            left = deadline - time.monotonic()
            try:
                return self._inbox.get(timeout=min(max(left, 0.0), _LOOK_SECONDS))
            except queue.Empty:
                if left <= 0:
                    return inf, None
            if self._popen.poll() is not None:  # a process that it has forked may hold the connection open
                with contextlib.suppress(queue.Empty):
                    return self._inbox.get(timeout=_DRAIN_SECONDS)
                return min(time.monotonic(), deadline), _END

    def _bury(self, *, speak: bool = False) -> str:
        """Kill the process, with what it has started, and remove its log; the end of that. Once is enough."""
        if self._buried is None:
            self._buried = self._bury_now(speak)
        return self._buried

    def _bury_now(self, speak: bool) -> str:
        if self._pid is None:
            if self._channel is not None:
                self._popen.kill()
            return ""
        if not self._place.ssh:
            return bury(self._pid, self._log, self._mark, speak=speak)
        arguments = [str(self._pid), self._log, str(self._mark), *(["speak"] if speak else [])]
        try:
            done = self._place.call(_BURY, *arguments, seconds=_BURY_SECONDS)
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"(its place cannot be reached any more: {error})"
        return (done.stdout if done.returncode == 0 else done.stderr).rstrip("\n")

    def _last_words(self) -> str:
        """How the process ended, and what it printed."""
        try:
            self._channel.waitclose(0.0)
        except self._channel.RemoteError as error:
            return f"an error in the worker\n{error}"
        except (EOFError, self._channel.TimeoutError):
            pass
        status = self._exit_status() + self._limit()  # first, for a process may print up to its end
        return "\n".join(filter(None, [status, self._bury()]))

    def _exit_status(self) -> str:
        try:
            code = self._popen.wait(_EXIT_SECONDS)
        except subprocess.TimeoutExpired:
            return "its connection closed"
        if self._place.ssh and code == 255:
            return "a signal, or the loss of the connection"
        if code > 128 and self._place.ssh:  # as a shell puts it
            code = 128 - code
        if code >= 0:
            return f"exit code {code}"
        killed = ", by hand or by the kernel for lack of memory" if code == -9 else ""
        return (signal.strsignal(-code) or f"signal {-code}") + killed

    def _limit(self) -> str:
        return f" (its memory is limited to {self._memory:g} GiB)" if self._memory is not None else ""

    def _from_there(self, problem: str) -> str:
        """A problem that names the adapter, but not the place."""
        return f"{self._place.name}: {problem}" if self._place.name else problem

    def _unavailable(self, problem: str) -> AdapterUnavailable:
        return AdapterUnavailable(f"{self.label}: {problem}")
