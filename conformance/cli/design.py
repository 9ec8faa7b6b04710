"""`conformance design`: draws the designed cases and writes their specs, or checks that the specs are those."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from conformance.cli import options

if TYPE_CHECKING:
    from conformance.golden.design.draw import Family


@click.command()
@options.specs
@click.option("--seed", type=click.IntRange(0), help="Another draw.  [default: that of the shipped specs]")
@click.option(
    "--adapter",
    "adapters",
    multiple=True,
    metavar="NAME",
    help="Only the cases for this adapter, which are added to those there are. Can be repeated.",
)
@click.option("--check", "check_only", is_flag=True, help="Write nothing; check that the specs are what is drawn.")
def design(specs: Path, seed: int | None, adapters: tuple[str, ...], check_only: bool) -> None:
    """Draw cases that combine options and sizes, and write their specs (needs the extra `generate`).

    First a covering array of all options and sizes; then, for each adapter, what all other cases leave open: pairs of
    the options it has, and mistakes that it could make. With --adapter, for an adapter of your own, that part alone:
    put the specs that are to count below --specs, where designed-NAME.yaml is written.

    Exit code: 0 all is well, 1 a spec is not what is drawn.
    """
    from conformance.adapters import registry
    from conformance.case.select import select_cases
    from conformance.files import replace_file
    from conformance.golden.design import draw
    from conformance.golden.design.text import spec_of

    chosen = adapters or tuple(name for name in registry.names() if registry.is_built_in(name))
    refusals = {registry.parse(name).name: registry.load(name).capabilities.refusal for name in chosen}
    cases = select_cases(specs, ())
    families: list[Family]
    number = draw.SEED if seed is None else seed
    with options.progress() as progress:
        tasks: dict[str, object] = {}

        def report(family: str) -> None:
            if family not in tasks:
                tasks[family] = progress.add_task(family, total=None)
            progress.advance(tasks[family])  # type: ignore[arg-type]

        if adapters:
            own = {draw.family_of(name) for name in refusals}
            others = [case for case in cases if case.family not in own]
            families = draw.of_interfaces(refusals, others, number, report)
        else:
            families = draw.whole(refusals, [c for c in cases if not draw.is_designed(c)], number, report)
        texts = {f"{family.name}.yaml": spec_of(family) for family in families}
    written = set() if adapters else {path.name for path in specs.glob(f"{draw.FAMILY}*.yaml")}
    if check_only:
        different = [name for name in sorted(texts.keys() | written) if _text(specs / name) != texts.get(name)]
        for name in different:
            click.echo(f"{specs / name} is not what is drawn: run conformance design")
        sys.exit(1 if different else 0)
    for name in sorted(written - texts.keys()):
        (specs / name).unlink()
    for name, text in texts.items():
        replace_file(specs / name, text)
    for family in families:
        click.echo(f"{specs / family.name}.yaml: {len(family.shipped)} cases")


def _text(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.exists() else None
