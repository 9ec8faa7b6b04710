"""`conformance run`: runs cases with adapters."""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import click

from conformance.case.text import counted
from conformance.cli import options
from conformance.cli.quick import quick_options
from conformance.cli.running import Run

if TYPE_CHECKING:
    from conformance.cli.quick import QuickOptions
    from conformance.results.record import Record, Shared
    from conformance.run.settings import RunSettings

LOG_WIDTH = 100
"""Characters per line when the output is not a terminal."""


@click.command()
@click.option(
    "--adapter",
    "adapters",
    multiple=True,
    metavar="[PLACE:]NAME[@DEVICE]|FILE.py:CLASS|command:PATH",
    help="Adapter to run, installed, in a file, or behind a command; repeatable.  [default: all that load, here and at "
    "each --worker]",
)
@options.worker
@options.case
@click.option(
    "--shipped",
    is_flag=True,
    help="Only cases whose golden values are shipped; those of the others are proven when they are first run.",
)
@quick_options
@click.option("--shard", "part", metavar="K/N", help="Only the K-th of N parts of the cases; see conformance merge.")
@options.specs
@options.vectors
@options.deviations
@click.option("-o", "--output", type=options.NEW_FILE, help="Write the results to this file, as JSON lines.")
@click.option("--resume", is_flag=True, help="Continue the interrupted run whose file is given with -o.")
@options.harnesses
@options.timeout
@options.load_timeout
@options.memory
@options.in_process
@click.option("-j", "--jobs", type=click.IntRange(1), help="Workers to run at a time.  [default: one per core]")
@options.on
@click.option("--wide", is_flag=True, help="Print the matrix as one table, however wide.")
@click.option("-v", "--verbose", is_flag=True, help="Also print the message of each known deviation.")
@options.trace
@options.settings
def run(
    adapters: tuple[str, ...],
    patterns: tuple[str, ...],
    shipped: bool,
    quick: QuickOptions | None,
    part: str | None,
    settings: RunSettings,
    output: Path | None,
    resume: bool,
    jobs: int | None,
    on: str | None,
    wide: bool,
    verbose: bool,
) -> None:
    """Run cases with adapters; print a matrix and every unexpected result.

    Exit code: 0 nothing unexpected, 1 something unexpected, 2 the run could not be made.
    """
    from conformance.engines import state
    from conformance.run.places import demand_used, everywhere

    if resume and output is None:
        raise click.UsageError("--resume continues the run whose file is given with -o FILE; none is given")
    if settings.in_process and not adapters:
        raise click.UsageError("--in-process needs --adapter NAME")
    if on is not None and quick is not None:
        raise click.UsageError("--quick needs no cluster: leave out --on")
    options.demand_anywhere(on, settings)
    labels = adapters or everywhere(settings.places, state.unusable())
    demand_used(settings.places, labels)
    if not adapters and (absent := state.said_absent()):
        click.echo(f"not here: {absent}")
    ran = Run(
        labels=list(dict.fromkeys(labels)),
        settings=settings,
        patterns=patterns,
        shipped=shipped,
        quick=quick,
        part=part,
        output=output,
        resume=resume,
        jobs=jobs,
        on=on,
        optional=not adapters,
    ).carried_out()
    records = ran.records
    _print(records, ran.adapters, verbose=verbose, wide=wide)
    _print_shared(ran.shared)
    _print_refused(records, ran.adapters)
    for warning in ran.warnings:
        click.echo(f"warning: {warning}", err=True)
    unexpected, passes = (
        sum(getattr(record, kind) for record in records) for kind in ("unexpected", "unexpected_pass")
    )
    of_these = f" ({unexpected - passes} failed, {passes} xpass)" if passes else ""
    written = f"; written to {output}" if output else ""
    click.echo(f"{counted(len(records), 'result')}, {unexpected:,} unexpected{of_these}{written}")
    sys.exit(1 if unexpected else 0)


def _print_shared(shared: list[Shared]) -> None:
    """Print what the failures of each adapter have in common."""
    from conformance.results.shared.wording import as_text

    for each in shared:
        click.echo(as_text(each))


def _print_refused(records: list[Record], adapters: list[str]) -> None:
    """Name each adapter that has refused everything, which passes for a run without a failure."""
    from collections import Counter

    from conformance.case.outcomes import Unsupported

    for adapter in adapters:
        own = [record for record in records if record.adapter == adapter]
        if own and all(record.outcome == Unsupported.name for record in own):
            reasons = Counter((record.message or "").splitlines()[1].strip() for record in own)
            (reason, often), *_ = reasons.most_common(1)
            click.echo(
                f"{adapter}: refused {'the only case' if len(own) == 1 else f'all {len(own):,} cases'}, so nothing was "
                f"checked; the reason of {often:,}: {reason}"
            )


def _print(records: list[Record], adapters: list[str], *, verbose: bool, wide: bool) -> None:
    """Print the messages and the matrix."""
    from conformance.views.matrix import LEGEND, matrix

    console = options.console(wide=wide)
    for record in records:
        if record.unexpected or (verbose and record.known):
            console.print(record.message, soft_wrap=True)
            console.print()
    # In a log names are kept whole, so that they can be searched for.
    width = None if wide else console.width if console.is_terminal else LOG_WIDTH
    for block in matrix(records, adapters, width=width, breakable=console.is_terminal and not wide):
        console.print(block, crop=False)
    click.echo(LEGEND if width is None else textwrap.fill(LEGEND, width, break_on_hyphens=False))
