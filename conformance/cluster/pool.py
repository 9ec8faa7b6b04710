"""A pool of processes on many machines, used like those of concurrent.futures.

Only workers that were looked at and found equal get pieces, those that come later too. A piece whose worker is lost is
computed again elsewhere; its future gets one result, whatever happens.
"""

from __future__ import annotations

import contextlib
import pickle
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

import distributed

from conformance.case.errors import ConformanceError
from conformance.case.model import Case
from conformance.case.text import shortened
from conformance.cluster.identity import HERE
from conformance.cluster.work import done

R = TypeVar("R")

PATIENCE: Final = 60.0
"""Seconds without any worker after which the work is given up; a scheduler may have to start them first."""
_LOOK_SECONDS = 0.5
_AHEAD = 2
"""Pieces that are sent for each thread of a worker: one is computed while the next one is on its way."""


class Differs(ConformanceError):
    """A worker would not compute what the others do; the text says which, and what differs."""


@dataclass
class _Piece:
    """Some work. name: on the dashboard, and of what was sent. sent: how often."""

    name: str
    payload: bytes
    future: Future[Any]
    sent: int = 0


@dataclass
class _Workers:
    """By address: the threads of those that get pieces, why others do not, and those that are being looked at."""

    admitted: dict[str, int] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    looked_at: dict[str, Future[Any]] = field(default_factory=dict)


class ClusterPool(Executor):
    """An executor whose processes are the workers of a dask cluster.

    Args:
        client: connected; closed by whoever made it.
        expected: what `identity` gives here.
        vectors: the folder that each worker looks at, as `identity` names it.
        say: called with a line when a worker is left out.
        patience: seconds to wait for a worker while there is none.

    Attributes:
        run: a name for all of this work, different from that of any other.
    """

    def __init__(
        self,
        client: distributed.Client,
        expected: Mapping[str, str],
        vectors: str = "",
        *,
        say: Callable[[str], None] = lambda line: None,
        patience: float = PATIENCE,
    ) -> None:
        self.run = uuid.uuid4().hex[:8]
        self._client = client
        self._expected = expected
        self._vectors = vectors
        self._say = say
        self._patience = patience
        self._inspect: tuple[Callable[..., Any], tuple[Any, ...]] | None = None
        self._difference: Callable[[Any, Any], str | None] = lambda one, other: None
        self._facts: Any = None
        self._workers = _Workers()
        self._waiting: deque[_Piece] = deque()
        self._running: dict[distributed.Future, _Piece] = {}
        self._count = 0
        self._lock = threading.Lock()
        self._changed = threading.Event()
        self._closed = False
        self._thread: threading.Thread | None = None
        self._inspectors = ThreadPoolExecutor(16)

    def inspect(self, function: Callable[..., R], *arguments: Any, difference: Callable[[R, R], str | None]) -> None:
        """Have each worker asked this too before it gets pieces; `difference` says in what two answers differ."""
        self._inspect, self._difference = (function, arguments), difference

    def begin(self) -> Any:
        """Look at all workers that are there; the first `submit` does, too. Gives what the first said to `inspect`.

        Raises:
            ConformanceError: a worker differs, or none comes in time.
        """
        until = time.monotonic() + self._patience
        while not self._workers.admitted:
            self._look()
            for future in list(self._workers.looked_at.values()):
                future.exception()  # waits
            self._look(strict=True)
            if self._workers.admitted:
                break
            if time.monotonic() > until:
                raise ConformanceError(f"{self._where}: no worker came within {self._patience:g} s; {_start(self)}")
            time.sleep(_LOOK_SECONDS / 5)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        return self._facts

    @property
    def slots(self) -> int:
        """How many pieces are computed at a time."""
        return sum(self._workers.admitted.values())

    @property
    def addresses(self) -> list[str]:
        """Those of the workers that get pieces."""
        return list(self._workers.admitted)

    def submit(self, function: Callable[..., R], /, *arguments: Any, **named: Any) -> Future[R]:
        """A future of what the function gives for these arguments; all of them are pickled.

        A name for the dashboard is made of those arguments that are cases, texts and numbers.
        """
        if self._thread is None:
            self.begin()
        future: Future[R] = Future()
        with self._lock:
            if self._closed:
                raise RuntimeError("the pool is closed")
            self._count += 1
            name = "/".join([function.__name__.strip("_"), *_names(arguments), str(self._count)])
            self._waiting.append(_Piece(f"{self.run}/{name}", pickle.dumps((function, arguments, named)), future))
        self._changed.set()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End. What is computed is cancelled, too, for nobody will ask for it."""
        with self._lock:
            self._closed = True
        self._changed.set()
        if self._thread is not None:
            self._thread.join()
        self._inspectors.shutdown(wait=False, cancel_futures=True)
        for piece in (*self._waiting, *self._running.values()):
            piece.future.cancel()
        if self._running:
            with contextlib.suppress(Exception):  # the scheduler may be gone, and the pieces with it
                self._client.cancel(list(self._running), force=True)

    def everywhere(self, function: Callable[..., Any], *arguments: Any) -> None:
        """Call a function at once in each worker that gets pieces; what comes of it is nobody's concern."""
        with contextlib.suppress(Exception):
            self._client.run(function, *arguments, workers=self.addresses, on_error="ignore")

    def _serve(self) -> None:
        """Keep the workers busy until the end; runs in a thread of its own."""
        try:
            alone_since: float | None = None
            while not self._closed:
                self._look()
                self._collect()
                if self._workers.admitted:
                    alone_since = None
                    self._send()
                else:
                    self._take_back()
                    alone_since = alone_since or time.monotonic()
                    if time.monotonic() > alone_since + self._patience and not self._workers.looked_at:
                        raise ConformanceError(
                            f"{self._where}: no worker is left, and none came within {self._patience:g} s"
                        )
                self._changed.wait(_LOOK_SECONDS)
                self._changed.clear()
        except Exception as error:
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        """Tell all who wait."""
        if not isinstance(error, ConformanceError):
            error = ConformanceError(f"{self._where}: {type(error).__name__}: {error}")
        with self._lock:
            self._closed = True
            pieces = [*self._waiting, *self._running.values()]
        for piece in pieces:
            if piece.future.set_running_or_notify_cancel():
                piece.future.set_exception(error)
        self._waiting.clear()

    def _look(self, *, strict: bool = False) -> None:
        """See who has come and who has gone, and have those looked at who are new.

        Args:
            strict: raise Differs if one differs, instead of leaving it out.
        """
        if self._client.status != "running":
            raise ConformanceError(f"{self._where}: the scheduler is gone")
        there = self._client.scheduler_info(n_workers=-1)["workers"]
        workers = self._workers
        for address in workers.admitted.keys() - there.keys():
            del workers.admitted[address]
        for address in there.keys() - workers.admitted.keys() - workers.refused.keys() - workers.looked_at.keys():
            workers.looked_at[address] = self._inspectors.submit(self._facts_of, address)
        for address, future in [each for each in workers.looked_at.items() if each[1].done()]:
            del workers.looked_at[address]
            if address not in there:
                continue
            try:
                self._admit(address, there[address]["nthreads"], future.result())
            except Differs as error:
                if strict:
                    raise
                workers.refused[address] = str(error)
                self._say(f"left out: {error}")

    def _admit(self, address: str, threads: int, facts: Any) -> None:
        if self._facts is None:
            self._facts = facts
        elif differs := self._difference(self._facts, facts):
            raise Differs(f"worker {address}: {differs}")
        self._workers.admitted[address] = threads

    def _facts_of(self, address: str) -> Any:
        """What a worker says to `inspect`, once it is known to be like this process; runs in a thread of its own.

        Raises:
            Differs: it is not.
        """
        try:
            # Into its event loop, so that it is not kept waiting by another's work.
            found = self._client.run(eval, HERE, {"vectors": self._vectors}, workers=[address])[address]
        except ModuleNotFoundError as error:
            raise Differs(f"worker {address}: has no lstm-conformance like this one: {error}") from error
        except Exception as error:
            raise Differs(f"worker {address}: {shortened(str(error) or type(error).__name__)}") from error
        for what, here in self._expected.items():
            if (there := found.get(what, "none")) != here:
                raise Differs(f"worker {address}: {what} is {there}, and {here} here")
        if self._inspect is None:
            return ()
        function, arguments = self._inspect
        payload = pickle.dumps((function, arguments, {}))
        key = f"{self.run}/{function.__name__}/{address}"
        asked = self._client.submit(done, payload, key=key, pure=False, workers=[address], allow_other_workers=False)
        try:
            return asked.result()
        except Exception as error:
            raise Differs(f"worker {address}: {shortened(str(error) or type(error).__name__)}") from error

    def _send(self) -> None:
        """Give the workers as much as they need to be busy."""
        addresses = self.addresses
        while len(self._running) < _AHEAD * self.slots:
            with self._lock:
                if not self._waiting:
                    return
                piece = self._waiting.popleft()
            if not piece.sent and not piece.future.set_running_or_notify_cancel():
                continue
            piece.sent += 1
            key = piece.name if piece.sent == 1 else f"{piece.name}/{piece.sent}"
            sent = self._client.submit(
                done, piece.payload, key=key, pure=False, workers=addresses, allow_other_workers=False
            )
            self._running[sent] = piece
            sent.add_done_callback(lambda ended: self._changed.set())

    def _collect(self) -> None:
        """Pass on what has been computed."""
        for sent in [sent for sent in self._running if sent.done()]:
            piece = self._running.pop(sent)
            try:
                result = sent.result()
            except distributed.KilledWorker as error:
                lost = f"{piece.name}: given up after {error.allowed_failures + 1} workers were lost with it"
                piece.future.set_exception(ConformanceError(lost))
            except distributed.client.FutureCancelledError:
                with self._lock:  # by another's hand, or with a scheduler that was started anew
                    self._waiting.appendleft(piece)
            except Exception as error:
                piece.future.set_exception(error)
            else:
                piece.future.set_result(result)

    def _take_back(self) -> None:
        """What is sent can only go to workers that are gone: send it again once there are others."""
        if self._running:
            self._client.cancel(list(self._running), force=True)
            with self._lock:
                self._waiting.extendleft(reversed(self._running.values()))
            self._running.clear()

    @property
    def _where(self) -> str:
        return str(self._client.scheduler.address)


def _start(pool: ClusterPool) -> str:
    return f"start one with: dask worker {pool._where}"


def _names(arguments: Iterable[Any]) -> list[str]:
    """What of some arguments names a piece."""
    found = [each.id if isinstance(each, Case) else each for each in arguments]
    return [shortened(str(each)) for each in found if isinstance(each, (str, int))]
