"""`conformance upgrade`: two versions of a package, each in an environment of its own, and the gate between them."""

from __future__ import annotations

import os
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from conformance.case.errors import AdapterUnavailable, ConformanceError
from conformance.cli import options
from conformance.cli.gating import GateOptions, gate_options
from conformance.cli.running import Run

if TYPE_CHECKING:
    from collections.abc import Mapping

    from packaging.utils import NormalizedName
    from rich.console import Console

    from conformance.run.places import Place


@click.command()
@click.argument("before")
@click.argument("after")
@click.option(
    "--adapter",
    "adapters",
    multiple=True,
    metavar="NAME[@DEVICE]",
    help="Repeatable.  [default: all that compute with the package and load in both environments]",
)
@click.option(
    "--with",
    "others",
    multiple=True,
    metavar="REQUIREMENT",
    help="What goes into both environments beside; repeatable.  [default: what the suite's extra for the package has]",
)
@click.option(
    "-c",
    "--constraint",
    "constraints",
    multiple=True,
    type=options.FILE,
    help="pip constraints, for all but a package that is given with a version; repeatable.",
)
@options.case
@options.specs
@options.vectors
@options.deviations
@click.option("--keep", type=options.NEW_FOLDER, help="Keep environments and results there.")
@click.option("--timeout", type=options.SECONDS, default=300.0, show_default=True, help="As of run.")
@options.load_timeout
@click.option("-j", "--jobs", type=click.IntRange(1), help="Adapters side by side.  [default: one a core]")
@gate_options
def upgrade(
    before: str,
    after: str,
    adapters: tuple[str, ...],
    others: tuple[str, ...],
    constraints: tuple[Path, ...],
    patterns: tuple[str, ...],
    specs: Path,
    vectors: Path,
    deviations: Path,
    keep: Path | None,
    timeout: float,
    load_timeout: float,
    jobs: int | None,
    gating: GateOptions,
) -> None:
    """Run the cases with two versions of a package, 'torch==2.13.0' 'torch==2.14.0', and gate the second by the first.

    Each version gets a throw-away environment, made by pip. A version may also be the file of a wheel. Several packages
    of a side stand in one word: 'keras==3.8.0 torch==2.13.0'.

    Exit code: 0 nothing got worse, 1 something did, 2 the runs could not be made.
    """
    from packaging.utils import canonicalize_name

    from conformance.results.reading import read_results
    from conformance.run.environments import Environment, companions, parsed
    from conformance.run.places import parse_places

    console = options.console(error=True)
    sides = {"before": parsed(before), "after": parsed(after)}
    names = {canonicalize_name(requirement.name) for side in sides.values() for requirement in side}
    beside = others or [more for name in sorted(names) for more in companions(name)]
    beside = [other for other in beside if canonicalize_name(parsed(other)[0].name) not in names]
    with ExitStack() as stack:
        folder = keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="conformance-upgrade-")))
        if used := [folder / side for side in sides if (folder / side).exists()]:
            raise ConformanceError(f"{used[0]} is there already; give --keep another folder")
        workers = []
        for side, requirements in sides.items():
            asked = [str(requirement) for requirement in requirements]
            with console.status(f"{side}: pip installs {', '.join([*asked, *beside])}"):
                made = Environment(folder / side, asked, beside, constraints)
            workers.append(f"{side}=python={made.python}")
        places = parse_places(workers)
        chosen = adapters or _computing_with(console, names, places, jobs or os.cpu_count() or 1, load_timeout)
        results = []
        for side in sides:
            output = folder / f"{side}.jsonl"
            Run(
                labels=[f"{side}:{name}" for name in chosen],
                specs=specs,
                vectors=vectors,
                deviations=deviations,
                timeout=timeout,
                load_timeout=load_timeout,
                patterns=patterns,
                output=output,
                resumable=False,
                places=places,
                jobs=jobs,
            ).carried_out(beside=True)
            results.append(read_results(output))
        code = gating.exit_code(results[0], results[1])
        if keep:
            click.echo(f"kept in {keep}: the environments before, after and their results", err=True)
    sys.exit(code)


def _computing_with(
    console: Console, packages: set[NormalizedName], places: Mapping[str, Place], jobs: int, load_timeout: float
) -> list[str]:
    """The adapters that load at each place and have one of the packages among those that compute.

    Raises:
        AdapterUnavailable: there is none.
    """
    from packaging.utils import canonicalize_name

    from conformance.views.doctor import Diagnosis, examine

    found: list[set[str]] = []
    for place in places.values():
        with console.status(f"{place.name}: which adapters load"):
            there: list[Diagnosis] = []
            names = [f"{place.name}:{name}" for name in place.adapters]
            examine(names, places, jobs=jobs, load_timeout=load_timeout, came=there.append)
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
            "name what it needs beside with --with, or the adapter with --adapter, which then says why it does not load"
        )
    return common
