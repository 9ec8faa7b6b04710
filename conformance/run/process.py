"""An adapter in a worker process: asked one case after the other, told from one that is gone, silent or at fault."""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Iterator
from math import inf
from typing import TYPE_CHECKING, NamedTuple

from conformance.adapters import registry
from conformance.case.errors import AdapterUnavailable
from conformance.engines import state
from conformance.run.connection import END, CannotStart, Connection
from conformance.run.messages import (
    Answer,
    Ask,
    AtFault,
    Died,
    Ending,
    Load,
    Loaded,
    NotAMessage,
    NotLoaded,
    Raised,
    Reply,
    Silent,
    Started,
    reply_from,
    to_wire,
)
from conformance.run.places import HERE
from conformance.run.settings import RunSettings

if TYPE_CHECKING:
    # Not needed for a worker to be started; they are imported while it starts.
    from conformance.adapters.capabilities import Capabilities
    from conformance.case.model import Case
    from conformance.case.tensors import Arrays

_NO_ANSWER = AtFault(
    "what came is no answer to this case: the adapter, or a process it has started, writes to the connection of its "
    "worker"
)


class _Sent(NamedTuple):
    """A request without an answer: its id, when it was sent, and the seconds that it may take."""

    number: int
    at: float
    timeout: float


class Worker:
    """One adapter in one process. It answers requests in their order; more than one may be under way.

    Args:
        label: `[PLACE:]NAME[@DEVICE]` or `[PLACE:]FILE.py:CLASS[@DEVICE]`.
        settings: its places, limit of memory and time to load are this worker's.
        ready: wait until it is; without, there is other work to do before `wait_until_ready` is called.

    Raises:
        AdapterUnavailable: the adapter cannot be made there.
    """

    def __init__(self, label: str, settings: RunSettings | None = None, *, ready: bool = True) -> None:
        self._settings = settings = settings or RunSettings()
        parsed = registry.parse(label)
        self.label = label
        self._adapter = parsed.name
        self._place = settings.place_of(label)
        if parsed.file and self._place.ssh:
            raise AdapterUnavailable(f"{label}: a file is read on this machine; on a host, install the adapter there")
        known = self._place.adapters
        try:
            registry.demand(parsed, known)
        except AdapterUnavailable as error:
            raise AdapterUnavailable(self._from_there(str(error))) from error
        trace = settings.trace_at(self._place)
        self._connection = Connection(self._place)
        self._asked = 0
        self._answered = 0.0
        began = self._connection.began
        # Load has two replies, Started and Loaded.
        self._waiting = deque([_Sent(0, began, settings.load_timeout)] * 2)
        self._connection.send(to_wire(0, Load(parsed.there, settings.memory, settings.load_timeout, trace)))
        with self._closed_if_it_fails():
            self._connection.open()
            if ready:
                self.wait_until_ready()

    def wait_until_started(self) -> None:
        """Wait for the process to be there: from then on this one's environment is nothing to it.

        Raises:
            AdapterUnavailable: it cannot be started.
        """
        left = self._connection.began + self._settings.load_timeout - time.monotonic()
        try:
            self._connection.wait_until_started(left)
        except CannotStart as error:
            raise self._unavailable(f"{error}{self._in_time() if error.__cause__ is None else ''}") from error

    def wait_until_ready(self) -> None:
        """Wait, once, for the adapter to be made.

        Then there are `info`, the AdapterInfo, `seconds`, from the start of the process to the adapter's being made
        there, and `alone`, whether there must be no second process of it at the same time: the adapter says so, or it
        has a device or another machine to itself.

        Raises:
            AdapterUnavailable: the adapter cannot be made there.
        """
        from conformance.adapters.capabilities import Capabilities
        from conformance.results.record import AdapterInfo

        with self._closed_if_it_fails():
            self.wait_until_started()
            loaded = self._loaded()
        self.seconds = self._answered - self._connection.began
        self.info = AdapterInfo(**loaded.info)
        self.alone = loaded.alone or bool(self._place.ssh) or self.info.device != "cpu"
        self._name = loaded.name
        self._capabilities = None if loaded.capabilities is None else Capabilities.from_json(loaded.capabilities)

    def _loaded(self) -> Loaded:
        """What the worker says while it starts, the last of it."""
        reply = self._next()
        if isinstance(reply, Started):
            self._connection.known_as(reply.pid, reply.log, reply.mark)
            self._answered = self._connection.began  # it is given its time once
            reply = self._next()
        match reply:
            case Loaded():
                return reply
            case NotLoaded(reason):
                missing = state.how_to_install(self._adapter) if self._place == HERE else ""
                raise AdapterUnavailable(f"{self._from_there(reason)}{missing}{self._limit()}")
            case Died(text):
                raise self._unavailable(f"the worker ended while it loaded: {text}")
            case Silent(text):
                from conformance.case.outcomes import killed_at

                where = f"; it was killed{killed_at(text)}\n{text}" if text else ""
                raise self._unavailable(f"did not load{self._in_time()}{where}")
            case _:
                raise self._unavailable(_NO_ANSWER.text)

    @property
    def capabilities(self) -> Capabilities | None:
        """The adapter's, once it is ready; None if it may decide in another way."""
        return self._capabilities

    def refusal(self, case: Case) -> str | None:
        """Why the adapter refuses a case, as far as that is known without asking it."""
        reason = None if self._capabilities is None else self._capabilities.refusal(case)
        return None if reason is None else f"{self._name} {reason}"

    def send(self, case: Case, arrays: Arrays, timeout: float) -> None:
        """Ask for the answer to a case. Does not wait, not even for the worker to read the request.

        Args:
            timeout: seconds since the worker could begin with it: since it was sent, or the one before was answered.
        """
        self._asked += 1
        self._waiting.append(_Sent(self._asked, time.monotonic(), timeout))
        self._connection.send(to_wire(self._asked, Ask.of(case, arrays, timeout)))

    def receive(self) -> Answer | Ending:
        """The answer to the oldest request that has none yet, or what became of the worker instead."""
        reply = self._next()
        if not isinstance(reply, Answer | Ending):
            return self._at_fault()
        if isinstance(reply, Raised) and reply.out_of_memory and self._settings.memory is not None:
            return reply._replace(text=f"{reply.text}\nthe worker's memory is limited to {self._settings.memory:g} GiB")
        return reply

    def ask(self, case: Case, arrays: Arrays, timeout: float) -> Answer | Ending:
        """The worker's answer to a case, where nothing else is under way; see `send` and `receive`."""
        self.send(case, arrays, timeout)
        return self.receive()

    @property
    def ended(self) -> bool:
        """Whether the process is gone. What it answered before can still be received."""
        return self._connection.ended

    def close(self) -> None:
        """End the process, at once if it is at work, and remove its log."""
        self._connection.close(at_work=bool(self._waiting))

    def _next(self) -> Reply | Ending:
        """The reply to the oldest request that waits for one."""
        oldest = self._waiting[0]
        began = max(oldest.at, self._answered)
        deadline = began + oldest.timeout
        came, wire = self._connection.receive(deadline)
        if came > deadline:  # or late, while nobody looked
            return Silent(self._connection.kill(dump_stack=came == inf), oldest.timeout)
        if wire is END:
            return Died(self._connection.last_words(self._limit()), came - began)
        try:
            number, reply = reply_from(wire)
        except NotAMessage:
            return self._at_fault()
        if number != oldest.number:
            return self._at_fault()
        self._waiting.popleft()
        self._answered = came
        return reply

    def _at_fault(self) -> AtFault:
        self._connection.kill()
        return _NO_ANSWER

    @contextlib.contextmanager
    def _closed_if_it_fails(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self.close()
            raise

    def _in_time(self) -> str:
        return f" within {self._settings.load_timeout:g} s ({self._settings.option('load_timeout')})"

    def _limit(self) -> str:
        return f" (its memory is limited to {self._settings.memory:g} GiB)" if self._settings.memory is not None else ""

    def _from_there(self, problem: str) -> str:
        """A problem that names the adapter, but not the place."""
        return f"{self._place.name}: {problem}" if self._place.name else problem

    def _unavailable(self, problem: str) -> AdapterUnavailable:
        return AdapterUnavailable(f"{self.label}: {problem}")
