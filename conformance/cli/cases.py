"""`conformance list`, `conformance show` and `conformance schema`: what there is to run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from conformance.case.text import counted, visible
from conformance.cli import options
from conformance.cli.quick import QuickOptions, quick_options

if TYPE_CHECKING:
    from conformance.case.model import Case


@click.command("list")
@options.case
@quick_options
@click.option("--adapter", metavar="NAME", help="With --quick: the adapter whose quick cases are listed.")
@options.specs
@options.vectors
@options.deviations
@options.as_json
def list_cases(
    patterns: tuple[str, ...],
    quick: QuickOptions | None,
    adapter: str | None,
    specs: Path,
    vectors: Path,
    deviations: Path,
    as_json: bool,
) -> None:
    """List the cases: id, shapes and options; with --quick --adapter NAME, what each quick case is there for."""
    from conformance.case.select import select_cases

    if (quick is None) != (adapter is None):
        raise click.UsageError("--quick and --adapter NAME go together: each adapter has its own quick cases")
    cases = select_cases(specs, patterns)
    if quick is not None and adapter is not None:
        _list_quick(quick, adapter, cases, (vectors, deviations), as_json)
        return
    if as_json:
        fields = [
            {"id": c.id, "family": c.family, "summary": c.summary(), "source": c.source, "origin": str(c.origin),
             "on_demand": c.on_demand}
            for c in cases
        ]  # fmt: skip
        click.echo(json.dumps(fields, indent=1))
        return
    width = max(len(case.id) for case in cases)
    lines = [f"{case.id:{width}}  {case.summary()}" + "  (made on demand)" * case.on_demand for case in cases]
    click.echo("\n".join(lines))  # each echo is flushed
    families = {case.family for case in cases}
    click.echo(f"{counted(len(cases), 'case')} in {counted(len(families), 'family', 'families')}")


def _list_quick(
    quick: QuickOptions, adapter: str, cases: list[Case], folders: tuple[Path, Path], as_json: bool
) -> None:
    """Print the quick cases of an adapter; folders: of vectors and of deviations."""
    from conformance.adapters import registry
    from conformance.results.deviations import load_deviations
    from conformance.views import quick as view

    vectors, deviations = folders
    accepts = registry.load(adapter).capabilities
    name = registry.parse(adapter).name
    found = quick.chooser(vectors).choose(
        cases, name, lambda case: accepts.refusal(case) is None, load_deviations(deviations, name), quick.budget
    )
    click.echo(json.dumps(view.as_json(found), indent=1) if as_json else view.as_text(adapter, found))


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
@click.argument("patterns", metavar="CASE...", nargs=-1, required=True)
@options.specs
@options.vectors
@click.option(
    "-o",
    "--output",
    type=options.NEW_PATH,
    required=True,
    help="A .safetensors file for one case; else a folder, which gets FAMILY/NAME.safetensors and cases.json.",
)
def export(patterns: tuple[str, ...], specs: Path, vectors: Path, output: Path) -> None:
    """Write vectors that need nothing else: every tensor is in the file.

    CASE: ids or patterns. Vectors that are made on demand are made, and tensors that are made again when a vector is
    read are written out. docs/vectors.md explains the format.
    """
    import hashlib

    from conformance.case.select import select_cases
    from conformance.files import replace_file
    from conformance.golden import index
    from conformance.golden.cache import cached
    from conformance.golden.metadata import file_of
    from conformance.golden.store import VectorStore

    cases = select_cases(specs, patterns)
    one_file = output.suffix == ".safetensors"
    if one_file and len(cases) > 1:
        raise click.UsageError(f"{counted(len(cases), 'case')} match, and {output} is one file; name a folder")
    if output.resolve().is_relative_to(vectors.resolve()):
        raise click.UsageError(f"{output} is among the vectors that this command reads; name another place")
    store = VectorStore(vectors)
    digests: dict[str, str] = {}
    for case in cases:
        vector = cached(case) if case.on_demand else store.load(case)
        data = file_of(case, vector, whole=True)
        replace_file(output if one_file else output / f"{case.id}.safetensors", data)
        digests[case.id] = hashlib.sha256(data).hexdigest()
    if not one_file:
        replace_file(output / index.INDEX, index.text(cases, digests, whole=True))
    click.echo(visible(f"{counted(len(cases), 'vector')} written to {output}"))


@click.command()
@click.argument("what", type=click.Choice(["spec", "harness"]), default="spec")
def schema(what: str) -> None:
    """Print the JSON Schema of a spec file, for editors, or of the messages of a harness (docs/harness.md)."""
    if what == "harness":
        from conformance.adapters.harness.messages import schema as made
    else:
        from conformance.case.schema import spec_schema as made
    click.echo(json.dumps(made(), indent=1))
