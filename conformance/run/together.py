"""Several adapters side by side, each with its cases; an interrupt ends them all."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed

from conformance.case.model import Case
from conformance.run.result import Result
from conformance.run.runner import Runner


def run_together(
    runners: Mapping[str, Runner],
    cases: Mapping[str, Sequence[Case]],
    jobs: int,
    *,
    begun: Callable[[str], None],
    report: Callable[[Result], None],
) -> None:
    """Run each adapter's cases, so many adapters at a time.

    Args:
        runners: by label; each is closed when it is done.
        cases: by label, in the order to run them.
        jobs: adapters at a time; a single one runs in this thread.
        begun: told of an adapter whose turn has come.
        report: told of each result, by one thread at a time.
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
    with ThreadPoolExecutor(jobs) as pool:
        # Inside: an interrupt between the first result and here would leave the threads to their workers' time.
        try:
            for future in as_completed([pool.submit(run_one, label) for label in runners]):
                future.result()
        except BaseException:  # Ctrl-C too: without their workers the threads come to an end
            stopped.set()
            pool.shutdown(wait=False, cancel_futures=True)
            for runner in runners.values():
                runner.close()
            raise
