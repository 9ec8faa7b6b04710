"""Joins a dask cluster: one that exists, or one made on this machine for as long as it is needed."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import tempfile
from collections.abc import Callable, Iterator
from multiprocessing import resource_tracker
from pathlib import Path
from typing import Final

import dask
import distributed

from conformance.case.errors import ConformanceError
from conformance.case.text import counted
from conformance.cluster.identity import identity, portable
from conformance.cluster.pool import ClusterPool

CONNECT_SECONDS: Final = 10.0
LOCAL: Final = "dask"


@contextlib.contextmanager
def joined(on: str, vectors: Path, *, jobs: int | None, say: Callable[[str], None]) -> Iterator[ClusterPool]:
    """A pool of the workers of a cluster; afterwards nothing of it is left there.

    Args:
        on: `dask` for a cluster on this machine, or the address of a scheduler.
        vectors: the folder of vectors that the workers read.
        jobs: how many processes a cluster on this machine has; None for one per core.
        say: called with a line for the user.

    Raises:
        ConformanceError: the scheduler is not there.
    """
    for name in ("distributed", "distributed.client"):  # what it would say of a lost worker is said here
        logging.getLogger(name).setLevel(logging.CRITICAL)
    with contextlib.ExitStack() as stack:
        client = _local(stack, jobs or os.cpu_count() or 1) if on == LOCAL else _connected(stack, on)
        pool = ClusterPool(client, identity(portable(vectors)), portable(vectors), say=say)
        stack.callback(pool.shutdown)
        workers = counted(len(client.scheduler_info(n_workers=-1)["workers"]), "worker")
        say(f"{workers} at {client.scheduler.address}; dashboard: {client.dashboard_link}")
        yield pool


def _connected(stack: contextlib.ExitStack, address: str) -> distributed.Client:
    try:
        client = distributed.Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:
        said = f": {error}" if isinstance(error, ValueError) else f" within {CONNECT_SECONDS:g} s"
        raise ConformanceError(
            f"--on {address}: no scheduler answers{said}; start one with: dask scheduler; or use --on {LOCAL}"
        ) from error
    stack.callback(client.close)
    return client


def _local(stack: contextlib.ExitStack, workers: int) -> distributed.Client:
    folder = stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True))
    stack.enter_context(
        dask.config.set(
            {
                "temporary-directory": folder,
                # Otherwise OMP_NUM_THREADS=1, among others: adapters are to compute as they do without a cluster.
                "distributed.nanny.pre-spawn-environ": {},
            }
        )
    )
    cluster = distributed.LocalCluster(
        n_workers=0,
        threads_per_worker=1,
        processes=True,
        memory_limit=None,
        dashboard_address="127.0.0.1:0",
        silence_logs=logging.CRITICAL,
    )
    stack.callback(cluster.close)
    cluster.sync(_be_deaf)
    cluster.scale(workers)
    client = distributed.Client(cluster, set_as_default=False)
    stack.callback(client.close)
    client.wait_for_workers(workers)
    return client


async def _be_deaf() -> None:
    """Have the processes that dask's thread starts not hear Ctrl-C, which goes to all processes of a terminal."""
    if hasattr(signal, "pthread_sigmask"):
        resource_tracker.ensure_running()  # it would be started by the first process, and unblock the signal here
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
