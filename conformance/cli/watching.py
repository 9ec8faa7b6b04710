"""How far a run is, beside its output: bars where somebody looks on, in a log a line for each adapter that is done."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING

import click

from conformance.cli import options

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


class Watching:
    """Told by one thread at a time.

    Args:
        left: results that are still to come, by label of the adapter.
        of: results of each adapter in all.
        shown: without, nothing is said.
    """

    def __init__(self, left: Mapping[str, int], of: int, *, shown: bool = True) -> None:
        self._left = dict(left)
        self._of = of
        self._bars = shown and sys.stderr.isatty()
        self._lines = shown and not self._bars and len(left) > 1  # of a single one the output itself will tell
        self._began: dict[str, float] = {}

    def __enter__(self) -> Watching:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if "_drawn" in self.__dict__:
            self._drawn[0].stop()

    @cached_property
    def _drawn(self) -> tuple[Progress, dict[str, TaskID]]:
        # Not before the first worker has something to do: there is much to import for it.
        progress = options.progress()
        progress.start()
        of = self._of
        return progress, {
            label: progress.add_task(label, total=of, completed=of - left, start=False)
            for label, left in self._left.items()
        }

    def begun(self, label: str) -> None:
        """An adapter's turn has come."""
        self._began[label] = time.monotonic()
        if self._bars:
            progress, tasks = self._drawn
            progress.start_task(tasks[label])

    def came(self, label: str) -> None:
        """A result of an adapter is there."""
        self._left[label] -= 1
        if self._bars:
            progress, tasks = self._drawn
            progress.advance(tasks[label])
        elif self._lines and not self._left[label]:
            done = sum(not left for left in self._left.values())
            seconds = time.monotonic() - self._began[label]
            click.echo(f"{done} of {len(self._left)} adapters: {label} took {seconds:.1f} s", err=True)
