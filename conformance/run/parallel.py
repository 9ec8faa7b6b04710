"""Runs several adapters in parallel, each with its cases; an interrupt ends them all."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import TypeVar

from conformance.case.model import Case
from conformance.results.result import Result
from conformance.run.runner import Runner

T = TypeVar("T")
R = TypeVar("R")


def run_in_parallel(
    runners: Mapping[str, Runner],
    cases: Mapping[str, Sequence[Case]],
    jobs: int,
    *,
    begun: Callable[[str], None],
    report: Callable[[Result], None],
) -> None:
    """Run each adapter's cases, at most `jobs` adapters at a time.

    Args:
        runners: by label; each is closed when it is done.
        cases: by label, in the order to run them.
        jobs: 1 runs the adapters in this thread.
        begun: called with the label of each adapter when its turn comes.
        report: called with each result, by one thread at a time.
    """
    stopped, one_at_a_time = threading.Event(), threading.Lock()

    def run_one(label: str) -> None:
        results = runners[label].results(cases[label])
        with one_at_a_time:
            begun(label)
        for result in results:
            if stopped.is_set():
                return
            with one_at_a_time:
                report(result)
        runners[label].close()

    if jobs == 1:
        try:
            for label in runners:
                run_one(label)
        finally:
            for runner in runners.values():
                runner.close()
        return

    def stop() -> None:  # without their workers the threads come to an end
        stopped.set()
        for runner in runners.values():
            runner.close()

    side_by_side(run_one, runners, jobs, came=lambda nothing: None, stop=stop)


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
