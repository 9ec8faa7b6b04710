"""How work on cases is divided among processes."""

from __future__ import annotations

import contextlib
import math
import multiprocessing
import os
import threading
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor

from conformance.case.model import Case


def cost(case: Case) -> float:
    """The approximate cost of a case, in operations; used to order the work."""
    products = sum(math.prod(shape) for shape in case.weight_shapes.values())
    return case.T * case.B * (products + 200.0 * case.H * case.layers * case.D)


@contextlib.contextmanager
def spread(jobs: int | None, pool: Executor | None = None) -> Iterator[Executor]:
    """Where pieces of work are computed: in a pool that is given, or in processes for as long as this lasts.

    Args:
        jobs: how many processes; None for one per core.
        pool: it is its owner's to end.
    """
    if pool is not None:
        yield pool
        return
    with ProcessPoolExecutor(jobs or os.cpu_count() or 1, initializer=end_with_parent) as own:
        try:
            yield own
        finally:
            own.shutdown(cancel_futures=True)


def end_with_parent() -> None:
    """In a worker process: exit when the parent is killed, instead of waiting for its next task for ever."""
    parent = multiprocessing.parent_process()

    def watch() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
