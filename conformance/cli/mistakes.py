"""`conformance mistakes`: what the vectors tell apart, and by how much."""

from __future__ import annotations

import functools
import json
import sys
from pathlib import Path

import click

from conformance.cli import options


@click.command()
@options.case
@options.specs
@options.vectors
@options.as_json
@click.option("--markdown", "as_markdown", is_flag=True, help="Print docs/mistakes.md.")
@click.option("--against", type=click.Choice(["onnx-node-tests"]), help="Show what another suite catches, too.")
@click.option("-j", "--jobs", type=click.IntRange(1), help="Processes.  [default: one a core]")
def mistakes(
    patterns: tuple[str, ...],
    specs: Path,
    vectors: Path,
    as_json: bool,
    as_markdown: bool,
    against: str | None,
    jobs: int | None,
) -> None:
    """Say of every known mistake which cases catch it, and by how much.

    Exit code: 1 if all cases together, no --case given, separate a mistake by less than 8 times the tolerance.
    """
    from conformance.faces import mistakes as face
    from conformance.golden import onnx_node_tests, power
    from conformance.run.select import select_cases

    console = options.console()
    cases = select_cases(specs, patterns)
    other = onnx_node_tests.caught() if against or as_markdown else None
    with options.progress() as progress:
        task = progress.add_task("mistakes", total=len(cases))
        powers = power.measure(cases, vectors, jobs=jobs, report=functools.partial(progress.advance, task))
    if as_json:
        click.echo(json.dumps(face.as_json(powers, other), indent=1))
    elif as_markdown and other is not None:
        click.echo(face.as_markdown(powers, other), nl=False)
    else:
        console.print(face.table(powers, other))
        click.echo(face.totals(powers, other))
    sys.exit(1 if not patterns and any(found.separation < power.LEAST_SEPARATION for found in powers) else 0)
