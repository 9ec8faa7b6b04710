"""Runs several adapters in parallel, each with its cases; an interrupt ends them all."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from functools import partial
from typing import Final, NamedTuple, TypeVar

from conformance.case.errors import AdapterUnavailable
from conformance.case.model import Case
from conformance.results.result import Result
from conformance.run.runner import Runner
from conformance.run.share import Share

T = TypeVar("T")
R = TypeVar("R")
Expected = Callable[[str], Sequence[float]]
"""The seconds that each case of an adapter is thought to take, by its label."""

_WORTH: Final = 3.0
"""Seconds that one more worker of an adapter has to save: what it is thought to save may be wrong by as much."""
_LOOK_SECONDS: Final = 0.5


def run_in_parallel(
    runners: Mapping[str, Runner],
    cases: Mapping[str, Sequence[Case]],
    jobs: int,
    *,
    expected: Expected,
    begun: Callable[[str], None],
    report: Callable[[Result], None],
) -> None:
    """Run each adapter's cases, with at most `jobs` workers at a time.

    Args:
        runners: by label; each is closed when it is done.
        cases: by label, in the order to run them.
        jobs: 1 runs the adapters in this thread, one after the other.
        expected: of these cases. It decides which adapters begin first, and which get more than one worker.
        begun: called with the label of each adapter when its turn comes.
        report: called with each result, by one thread at a time.
    """
    if jobs == 1:
        try:
            for label, runner in runners.items():
                results = runner.results(cases[label])
                begun(label)
                for result in results:
                    report(result)
                runner.close()
        finally:
            for runner in runners.values():
                runner.close()
        return
    slots = _Slots(runners, cases, jobs, expected, begun, report)
    side_by_side(slots.work, range(jobs), jobs, came=lambda nothing: None, stop=slots.stop)


class _Task(NamedTuple):
    """What a slot does next: some cases of an adapter, with a runner of its own if it is not the first there."""

    label: str
    share: Share
    runner: Runner
    cases: Iterator[Case]


class _Slots:
    """Each slot runs one adapter after the other, the longest first, and then helps those that still have much to do.

    The arguments are those of `run_in_parallel`.
    """

    def __init__(
        self,
        runners: Mapping[str, Runner],
        cases: Mapping[str, Sequence[Case]],
        jobs: int,
        expected: Expected,
        begun: Callable[[str], None],
        report: Callable[[Result], None],
    ) -> None:
        self._runners = runners
        self._helpers: list[Runner] = []
        self._begun, self._report = begun, report
        self._shares = {label: Share(cases[label], partial(expected, label)) for label in runners}
        order = list(runners)
        if len(order) > jobs:
            order.sort(key=lambda label: -self._shares[label].seconds)
        self._waiting = deque(order)
        self._alone: set[str] = set()
        self._stopped = threading.Event()
        self._one_at_a_time = threading.Lock()
        self._changed = threading.Condition()

    def work(self, slot: int) -> None:
        """Work until there is nothing more to do for one who comes now."""
        while (task := self._next()) is not None:
            try:
                self._carry_out(task)
            finally:
                with self._changed:
                    task.share.workers -= 1
                    self._changed.notify_all()

    def stop(self) -> None:
        """Have all slots come to an end: without their workers they do."""
        with self._changed:
            self._stopped.set()
            self._changed.notify_all()
            every = [*self._runners.values(), *self._helpers]
        for runner in every:
            runner.close()

    def _next(self) -> _Task | None:
        with self._changed:
            while not self._stopped.is_set():
                if self._waiting:
                    label = self._waiting.popleft()
                    share = self._shares[label]
                    return self._begin(_Task(label, share, self._runners[label], share.in_order()))
                if not (running := self._to_be_helped()):
                    return None
                # At first no worker has shown yet how long it takes, and many a run is over before that matters.
                self._changed.wait(_LOOK_SECONDS)
                gains = {label: self._shares[label].gain(self._runners[label].loading) for label in running}
                label = max(running, key=lambda label: gains[label])
                if gains[label] >= _WORTH and not self._stopped.is_set():
                    share, helper = self._shares[label], self._runners[label].another()
                    self._helpers.append(helper)
                    return self._begin(_Task(label, share, helper, share.from_the_end()))
        return None

    @staticmethod
    def _begin(task: _Task) -> _Task:
        task.share.workers += 1
        return task

    def _to_be_helped(self) -> list[str]:
        """The adapters that run, have cases that nobody has taken, and may have more than one worker."""
        return [
            label
            for label, share in self._shares.items()
            if share.workers and share.waiting and label not in self._alone and self._runners[label].may_have_another
        ]

    def _carry_out(self, task: _Task) -> None:
        first = self._runners[task.label]
        if task.runner is not first and not self._is_like(task.runner, first):
            self._alone.add(task.label)
            return
        if self._stopped.is_set():
            task.runner.close()
            return
        results = task.runner.results(task.cases)
        if task.runner is first:
            with self._one_at_a_time:
                self._begun(task.label)
        for result in results:
            if self._stopped.is_set():
                return
            task.share.came(result)
            with self._one_at_a_time:
                self._report(result)
        task.runner.close()

    @staticmethod
    def _is_like(helper: Runner, first: Runner) -> bool:
        """Whether one more worker loads, and computes as the first one does; else it is ended."""
        try:
            helper.start()
        except AdapterUnavailable:  # it loaded before, and its first worker goes on
            return False
        if helper.info == first.info:
            return True
        helper.close()
        return False


def side_by_side(
    work: Callable[[T], R], items: Iterable[T], jobs: int, *, came: Callable[[R], None], stop: Callable[[], None]
) -> None:
    """Work on each item in a thread, at most `jobs` items at a time.

    Args:
        came: called in this thread with the result of each item, as it completes.
        stop: called when an error or an interrupt ends this early; it must make the running work end.
    """
    with ThreadPoolExecutor(jobs) as pool:
        # Inside the try: an interrupt between submit and try would leave the threads waiting for their workers.
        try:
            for future in as_completed([pool.submit(work, item) for item in items]):
                came(future.result())
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            stop()
            raise
