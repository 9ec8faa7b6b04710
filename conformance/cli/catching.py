"""What `conformance generate` does for --quick: the table of catches, and the times of cases."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from conformance.cli import options

if TYPE_CHECKING:
    from rich.progress import Progress

    from conformance.case.model import Case


def make_catches(cases: Sequence[Case], vectors: Path, jobs: int | None, progress: Progress) -> None:
    """Bring the table of catches up to date, and write it."""
    from conformance.quick import catches, measure

    path = vectors / catches.NAME
    old = catches.read(vectors) if path.exists() else None
    task = progress.add_task("catches", total=None)
    table = measure.up_to_date(
        *(old, cases, vectors, options.FOLDERS.deviations),
        jobs=jobs,
        report=lambda done, total: progress.update(task, completed=done, total=total),
    )
    catches.write(vectors, table)
    click.echo(f"{path}: {len(table.rows):,} cases, {len(table.mistakes):,} mistakes")


def problems_of_catches(
    cases: Sequence[Case], vectors: Path, every: int, jobs: int | None, progress: Progress
) -> list[str]:
    """What is wrong with the table of catches, a line each; of every Nth case what it shows is tried again."""
    from conformance.case.errors import ConformanceError
    from conformance.quick import measure

    task = progress.add_task("catches", total=None)
    try:
        return measure.problems(
            *(cases, vectors, every),
            jobs=jobs,
            report=lambda done, total: progress.update(task, completed=done, total=total),
        )
    except ConformanceError as error:
        return [str(error)]


def keep_times(files: Sequence[Path], vectors: Path) -> None:
    """Keep the times of results files beside the vectors; what is there of other adapters stays."""
    from conformance.golden.store import VectorStore
    from conformance.quick import seconds
    from conformance.quick.choose import keys_of
    from conformance.results.reading import read_results

    keys = keys_of(VectorStore(vectors))
    known = seconds.read(vectors)
    for file in files:
        known |= seconds.measured(read_results(file).records, keys)
    seconds.write(vectors, known, (keys[case_id] for case_id in sorted(keys)))
    click.echo(f"{vectors / seconds.NAME}: times of {', '.join(sorted(known))}")
