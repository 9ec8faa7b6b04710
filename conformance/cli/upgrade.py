"""`conformance upgrade`: runs two versions of a package, each in its own environment, and gates the second."""

from __future__ import annotations

import os
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from conformance.case.errors import AdapterUnavailable, ConformanceError
from conformance.cli import options
from conformance.cli.gating import GateOptions, gate_options
from conformance.cli.quick import quick_options
from conformance.cli.running import Run

if TYPE_CHECKING:
    from packaging.utils import NormalizedName
    from rich.console import Console

    from conformance.cli.quick import QuickOptions
    from conformance.run.settings import RunSettings


@click.command()
@click.argument("before")
@click.argument("after")
@click.option(
    "--adapter",
    "adapters",
    multiple=True,
    metavar="NAME[@DEVICE]",
    help="Adapter to run; repeatable.  [default: all that compute with the package and load in both environments]",
)
@click.option(
    "--with",
    "others",
    multiple=True,
    metavar="REQUIREMENT",
    help="What else to install in both environments; repeatable.  [default: the suite's extra for the package]",
)
@click.option(
    "-c",
    "--constraint",
    "constraints",
    multiple=True,
    type=options.FILE,
    help="File of pip constraints; they do not apply to packages given with a version. Repeatable.",
)
@options.case
@quick_options
@options.specs
@options.vectors
@options.deviations
@click.option("--keep", type=options.NEW_FOLDER, help="Keep the environments and results in this folder.")
@options.timeout
@options.load_timeout
@click.option("-j", "--jobs", type=click.IntRange(1), help="Workers to run at a time.  [default: one per core]")
@gate_options
@options.settings
def upgrade(
    before: str,
    after: str,
    adapters: tuple[str, ...],
    others: tuple[str, ...],
    constraints: tuple[Path, ...],
    patterns: tuple[str, ...],
    quick: QuickOptions | None,
    settings: RunSettings,
    keep: Path | None,
    jobs: int | None,
    gating: GateOptions,
) -> None:
    """Run the cases with two versions of a package, and gate the second against the first.

    BEFORE and AFTER are requirements, such as 'torch==2.13.0' and 'torch==2.14.0', or files of wheels. Several packages
    go into one argument: 'keras==3.8.0 torch==2.13.0'. pip installs each side in a temporary environment.

    Exit code: 0 nothing got worse, 1 something did, 2 the runs could not be made.
    """
    from packaging.utils import canonicalize_name

    from conformance.results.reading import read_results
    from conformance.run.environments import Environment, companions, parsed
    from conformance.run.places import parse_places

    console = options.console(error=True)
    sides = {"before": parsed(before), "after": parsed(after)}
    named = {side: {canonicalize_name(requirement.name) for requirement in asked} for side, asked in sides.items()}
    names = named["before"] | named["after"]
    if alone := sorted(named["before"] ^ named["after"]):
        raise click.UsageError(f"BEFORE and AFTER need the same packages; only one of them has {', '.join(alone)}")
    beside = others or [more for name in sorted(names) for more in companions(name)]
    beside = [other for other in beside if canonicalize_name(parsed(other)[0].name) not in names]
    with ExitStack() as stack:
        folder = keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="conformance-upgrade-")))
        if used := [folder / side for side in sides if (folder / side).exists()]:
            raise ConformanceError(f"{used[0]} already exists; give --keep another folder")
        workers = []
        for side, requirements in sides.items():
            asked = [str(requirement) for requirement in requirements]
            with console.status(f"{side}: installing {', '.join([*asked, *beside])} with pip"):
                made = Environment(folder / side, asked, beside, constraints, own_pip=keep is not None)
            workers.append(f"{side}=python={made.python}")
        settings = replace(settings, places=parse_places(workers))
        chosen = adapters or _computing_with(console, names, settings, jobs or os.cpu_count() or 1)
        results = []
        for side in sides:
            output = folder / f"{side}.jsonl"
            Run(
                labels=[f"{side}:{name}" for name in chosen],
                settings=settings,
                patterns=patterns,
                quick=quick,
                output=output,
                resumable=False,
                jobs=jobs,
            ).carried_out(beside=True)
            results.append(read_results(output))
        code = gating.exit_code(results[0], results[1])
        if keep:
            click.echo(f"the environments before and after, and their results, are kept in {keep}", err=True)
    sys.exit(code)


def _computing_with(console: Console, packages: set[NormalizedName], settings: RunSettings, jobs: int) -> list[str]:
    """The adapters that load at every place and compute with one of the packages.

    Raises:
        AdapterUnavailable: there are none.
    """
    from packaging.utils import canonicalize_name

    from conformance.views.doctor import Diagnosis, examine

    found: list[set[str]] = []
    for place in settings.places.values():
        with console.status(f"{place.name}: finding out which adapters load"):
            there: list[Diagnosis] = []
            names = [f"{place.name}:{name}" for name in place.adapters]
            examine(names, settings, jobs=jobs, report=there.append)
            found.append(
                {
                    diagnosis.adapter.partition(":")[2]
                    for diagnosis in there
                    if packages & {canonicalize_name(package) for package in diagnosis.versions}
                }
            )
    common = sorted(set.intersection(*found))
    if not common:
        raise AdapterUnavailable(
            f"no adapter loads in both environments and computes with {', '.join(sorted(packages))}; "
            "add what it needs with --with, or name it with --adapter to see why it does not load"
        )
    return common
