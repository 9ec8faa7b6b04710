"""`conformance list`, `conformance show` and `conformance schema`: what there is to run."""

from __future__ import annotations

import json
from pathlib import Path

import click

from conformance.case.text import counted
from conformance.cli import options


@click.command("list")
@options.case
@options.specs
@options.as_json
def list_cases(patterns: tuple[str, ...], specs: Path, as_json: bool) -> None:
    """List the cases: id, shapes and options."""
    from conformance.case.select import select_cases

    cases = select_cases(specs, patterns)
    if as_json:
        fields = [
            {"id": c.id, "family": c.family, "summary": c.summary(), "source": c.source, "origin": str(c.origin),
             "on_demand": c.on_demand}
            for c in cases
        ]  # fmt: skip
        click.echo(json.dumps(fields, indent=1))
        return
    width = max(len(case.id) for case in cases)
    for case in cases:
        click.echo(f"{case.id:{width}}  {case.summary()}" + ("  (made on demand)" if case.on_demand else ""))
    families = {case.family for case in cases}
    click.echo(f"{counted(len(cases), 'case')} in {counted(len(families), 'family', 'families')}")


@click.command()
@click.argument("case_id", metavar="CASE")
@options.specs
@options.vectors
@options.as_json
def show(case_id: str, specs: Path, vectors: Path, as_json: bool) -> None:
    """Show one case: options, shapes, golden values."""
    from conformance.case.select import select_cases
    from conformance.golden.cache import cached
    from conformance.golden.store import VectorStore
    from conformance.views import show as view

    for case in select_cases(specs, (case_id,)):
        vector = cached(case) if case.on_demand else VectorStore(vectors).load(case)
        click.echo(view.as_json(case, vector) if as_json else view.as_text(case, vector))


@click.command()
def schema() -> None:
    """Print the JSON Schema of a spec file, for editors."""
    from conformance.case.schema import spec_schema

    click.echo(json.dumps(spec_schema(), indent=1))
