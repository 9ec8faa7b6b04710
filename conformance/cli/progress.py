"""The progress of a run on standard error: bars on a terminal, in a log one line for each adapter that is done."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING

import click

from conformance.cli import options

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


class RunProgress:
    """Shows how many results each adapter has given; updated by one thread at a time.

    Args:
        counts: how many results are still to come of how many, by label of the adapter.
        shown: False: nothing is printed.
    """

    def __init__(self, counts: Mapping[str, tuple[int, int]], *, shown: bool = True) -> None:
        self._left = {label: left for label, (left, _) in counts.items()}
        self._of = {label: of for label, (_, of) in counts.items()}
        self._bars = shown and sys.stderr.isatty()
        self._lines = shown and not self._bars
        self._own = dict.fromkeys(counts, 0.0)
        self._progress: Progress | None = None
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> RunProgress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._progress is not None:
            self._progress.stop()

    def started(self, label: str) -> None:
        """An adapter has received its first cases."""
        for name in ("rich.console", "rich.table"):  # needed for the final output; now a worker is busy
            importlib.import_module(name)
        if not self._bars:
            return
        if self._progress is None:
            self._progress = options.progress()
            self._progress.start()
            for each, left in self._left.items():
                self._tasks[each] = self._progress.add_task(
                    each, total=self._of[each], completed=self._of[each] - left, start=False
                )
        self._progress.start_task(self._tasks[label])

    def result_arrived(self, label: str, own: float, loading: float) -> None:
        """A result of an adapter has arrived.

        Args:
            own: seconds that the adapter took for this case.
            loading: seconds that the adapter's workers have taken to load so far.
        """
        self._left[label] -= 1
        self._own[label] += own
        if self._progress is not None:
            self._progress.advance(self._tasks[label])
        elif self._lines and not self._left[label]:
            done = sum(not left for left in self._left.values())
            click.echo(
                f"{done} of {len(self._left)} adapters done: {label}, {loading:.2f} s to load, "
                f"{self._own[label]:.2f} s in the cases",
                err=True,
            )
