"""`conformance mistakes`: which mistakes the vectors tell from a right answer, and by how much."""

from __future__ import annotations

import functools
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from conformance.case.text import counted
from conformance.cli import options

SEED = 1

if TYPE_CHECKING:
    from collections.abc import Sequence

    from conformance.golden.design.choosing import Refusal
    from conformance.golden.design.factors import Row
    from conformance.golden.sampling import Sample
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
@click.option(
    "--sample",
    "count",
    type=click.IntRange(1),
    metavar="N",
    help="Draw N mistakes at random that nobody has listed, and show what becomes of them.",
)
@click.option("--seed", type=click.IntRange(0), help=f"With --sample: other mistakes.  [default: {SEED}]")
@click.option("--adapter", metavar="NAME", help="With --sample: only what this adapter's interface supports.")
@click.option(
    "--at-least",
    type=options.Number(0, 100),
    metavar="PERCENT",
    help="With --sample: exit with 1 if a smaller share is caught.",
)
@click.option(
    "--add-to",
    type=options.NEW_FILE,
    metavar="SPEC",
    help="With --sample: add cases for the mistakes that are not caught to this spec, named after its family.",
)
@click.option("-j", "--jobs", type=click.IntRange(1), help="Number of processes.  [default: one per core]")
@options.on
def mistakes(
    ids: tuple[str, ...],
    patterns: tuple[str, ...],
    specs: Path,
    vectors: Path,
    deviations: Path,
    as_json: bool,
    as_markdown: bool,
    against: str | None,
    count: int | None,
    seed: int | None,
    adapter: str | None,
    at_least: float | None,
    add_to: Path | None,
    jobs: int | None,
    on: str | None,
) -> None:
    """Explain a mistake that a failure looks like, or list all known ones, which cases catch them, and by how much.

    The explanation of a mistake: what is done wrong, where it was seen, the cases that tell it from a right answer, and
    the known deviations that show it.

    A list can be tuned to the cases, or the cases to it. --sample therefore makes mistakes of an operation, a fault, a
    place and a condition, drawn at random, and counts how many of those that a case can show are caught. Each that is
    not comes with such a case. --add-to draws cases that catch several of them each, and adds them to a spec;
    `conformance generate` then proves their values.

    Exit code: 0, or 1 if neither a mistake nor --case is given and the cases separate some mistake by less than 8 times
    the tolerance (1.5 times the bias allowed, if it is systematic), or if fewer mistakes of a sample are caught than
    --at-least demands.
    """
    if count is not None:
        if ids or as_markdown or against:
            raise click.UsageError("--sample draws its own mistakes: leave out names, --markdown and --against")
        suite = specs, patterns, vectors
        _sample(count, SEED if seed is None else seed, adapter, suite, as_json, at_least, add_to, jobs, on)
        return
    if any(given is not None for given in (seed, adapter, at_least, add_to, on)):
        raise click.UsageError("--seed, --adapter, --at-least, --add-to and --on are about --sample")
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
    sys.exit(1 if whole and not all(found.separated for found in powers) else 0)


def _named(ids: tuple[str, ...]) -> list[Mistake]:
    """The mistakes of these ids.

    Raises:
        ConformanceError: there is no such mistake.
    """
    from conformance.case.errors import ConformanceError
    from conformance.lstm.mistakes import named

    try:
        return [named(mistake) for mistake in dict.fromkeys(ids)]
    except ValueError as error:
        raise ConformanceError(str(error)) from error


def _sample(
    count: int,
    seed: int,
    adapter: str | None,
    suite: tuple[Path, tuple[str, ...], Path],
    as_json: bool,
    at_least: float | None,
    add_to: Path | None,
    jobs: int | None,
    on: str | None,
) -> None:
    """Draw mistakes, see which the cases of a suite (specs, patterns, vectors) catch, and print it."""
    from conformance.adapters import registry
    from conformance.case.select import select_cases
    from conformance.files import demand_writable
    from conformance.golden import sampling
    from conformance.golden.design.survivors import rows_in
    from conformance.views import sample as view

    specs, patterns, vectors = suite
    rows = rows_in(add_to) if add_to is not None else []  # before the work: whether cases can be added there
    if add_to is not None:
        demand_writable(add_to.parent)
    refusal = registry.load(adapter).capabilities.refusal if adapter is not None else lambda case: None
    cases = [case for case in select_cases(specs, patterns) if refusal(case) is None]
    with options.pool(on, vectors, jobs) as pool, options.progress() as progress:
        task = progress.add_task("draw", total=count)
        sample = sampling.take(
            *(count, seed, lambda case: refusal(case) is None),
            report=lambda found: progress.update(task, completed=found),
        )
        task = progress.add_task("try", total=len(sample.drawn))
        advance = functools.partial(progress.advance, task)
        sampling.measure(sample, cases, vectors, jobs=jobs, report=advance, pool=pool)
    click.echo(json.dumps(view.as_json(sample), indent=1) if as_json else view.as_text(sample))
    if add_to is not None:
        _add(sample, rows, refusal if adapter is not None else None, add_to, jobs)
    sys.exit(1 if at_least is not None and 100 * sample.share < at_least else 0)


def _add(sample: Sample, rows: Sequence[Row], refusal: Refusal | None, path: Path, jobs: int | None) -> None:
    """Write cases for the mistakes that passed to a spec, behind the rows that it has.

    Raises:
        ConformanceError: it cannot be written.
    """
    from conformance.files import replace_file
    from conformance.golden.design.survivors import rows_for, spec_of

    passed = [drawn.mistake.id for drawn in sample.survivors]
    with options.progress() as progress:
        task = progress.add_task("cases", total=None)
        new = rows_for(passed, sample.seed, refusal, jobs=jobs, report=functools.partial(progress.advance, task))
    if new:
        replace_file(path, spec_of(path.stem, [*rows, *new]))
    click.echo(f"{path}: {counted(len(new), 'case')} added for {counted(len(passed), 'mistake')}", err=True)
