"""`conformance mistakes`: which mistakes the vectors tell from a right answer, and by how much."""

from __future__ import annotations

import functools
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from conformance.cli import options

if TYPE_CHECKING:
    from conformance.lstm.mistakes import Mistake


@click.command()
@click.argument("ids", nargs=-1, metavar="[MISTAKE]...")
@options.case
@options.specs
@options.vectors
@options.deviations
@options.as_json
@click.option("--markdown", "as_markdown", is_flag=True, help="Print docs/mistakes.md.")
@click.option("--against", type=click.Choice(["onnx-node-tests"]), help="Also show what another suite catches.")
@click.option("-j", "--jobs", type=click.IntRange(1), help="Number of processes.  [default: one per core]")
def mistakes(
    ids: tuple[str, ...],
    patterns: tuple[str, ...],
    specs: Path,
    vectors: Path,
    deviations: Path,
    as_json: bool,
    as_markdown: bool,
    against: str | None,
    jobs: int | None,
) -> None:
    """Explain a mistake that a failure looks like, or list all known ones, which cases catch them, and by how much.

    The explanation of a mistake: what is done wrong, where it was seen, the cases that tell it from a right answer, and
    the known deviations that show it.

    Exit code: 0, or 1 if neither a mistake nor --case is given and the cases separate some mistake by less than 8 times
    the tolerance.
    """
    from conformance.case.select import select_cases
    from conformance.golden import onnx_node_tests, power
    from conformance.lstm.mistakes import CATALOGUE
    from conformance.results.deviations import load_all
    from conformance.views import explanation
    from conformance.views import mistakes as view

    if ids and (as_markdown or against):
        raise click.UsageError("--markdown and --against are about all mistakes: leave out the names")
    chosen = _named(ids) if ids else CATALOGUE
    cases = select_cases(specs, patterns)
    stored = [
        case for case in cases if not (ids and case.on_demand)
    ]  # an explanation must not wait for a vector to be made
    other = onnx_node_tests.caught() if against or as_markdown else None
    with options.progress() as progress:
        task = progress.add_task("mistakes", total=len(stored))
        advance = functools.partial(progress.advance, task)
        powers = power.measure(stored, vectors, chosen, jobs=jobs, report=advance)
    known = load_all(deviations) if ids else {}
    if as_json:
        listed = view.as_json(powers, other)
        if ids:
            for entry, mistake in zip(listed, chosen, strict=True):
                entry["known_deviations"] = explanation.as_json(mistake, known)
        click.echo(json.dumps(listed, indent=1))
    elif ids:
        made = [case for case in cases if case.on_demand]
        texts = [
            explanation.as_text(found, known, [case.id for case in made if found.mistake.applies(case)])
            for found in powers
        ]
        click.echo("\n\n".join(texts))
    elif as_markdown and other is not None:
        click.echo(view.as_markdown(powers, other), nl=False)
    else:
        options.console().print(view.table(powers, other))
        click.echo(view.totals(powers, other))
    whole = not patterns and not ids
    sys.exit(1 if whole and any(found.separation < power.LEAST_SEPARATION for found in powers) else 0)


def _named(ids: tuple[str, ...]) -> list[Mistake]:
    """The mistakes of these ids.

    Raises:
        ConformanceError: the catalogue does not have one.
    """
    from conformance.case.errors import ConformanceError
    from conformance.lstm.mistakes import BY_ID, unknown

    if missing := [mistake for mistake in ids if mistake not in BY_ID]:
        raise ConformanceError(unknown(missing[0]))
    return [BY_ID[mistake] for mistake in dict.fromkeys(ids)]
