"""Starts a worker before anything that takes a while is imported here, so that the adapter loads beside it."""

from __future__ import annotations

import contextlib
import importlib
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conformance.run.process import Worker
    from conformance.run.settings import RunSettings


def _import_numpy() -> None:
    """Have NumPy's BLAS keep to one thread here: those of the frameworks need the processor."""
    name = "OPENBLAS_NUM_THREADS"
    if name in os.environ:
        return
    os.environ[name] = "1"
    importlib.import_module("numpy")
    del os.environ[name]  # the workers that start from now on are the frameworks' own


@contextlib.contextmanager
def begun(label: str, settings: RunSettings) -> Iterator[Worker]:
    """A worker that is started first of all, and need not be ready yet.

    Raises:
        AdapterUnavailable: there is no such adapter, or no process can be started.
    """
    from conformance.run.process import Worker

    worker = Worker(label, settings, ready=False)
    with contextlib.closing(worker):
        importlib.import_module("conformance.case.select")  # much that needs no NumPy
        worker.wait_until_started()
        _import_numpy()
        yield worker
