"""How work on cases is divided among processes."""

from __future__ import annotations

import math
import multiprocessing
import os
import threading

from conformance.case.model import Case


def cost(case: Case) -> float:
    """The approximate cost of a case, in operations; used to order the work."""
    products = sum(math.prod(shape) for shape in case.weight_shapes.values())
    return case.T * case.B * (products + 200.0 * case.H * case.layers * case.D)


def end_with_parent() -> None:
    """In a worker process: exit when the parent is killed, instead of waiting for its next task for ever."""
    parent = multiprocessing.parent_process()

    def watch() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
