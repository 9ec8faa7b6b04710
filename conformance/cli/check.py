"""`conformance check` and `conformance import`: the layers of a model file, run and judged, or kept as a suite."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from conformance.case.errors import ConformanceError
from conformance.case.text import counted
from conformance.cli import options

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from conformance.case.model import Case
    from conformance.models.bring import BroughtFile
    from conformance.models.brought import Wanted
    from conformance.run.settings import RunSettings

_SIZES = {"t": "T", "steps": "T", "time": "T", "b": "B", "batch": "B", "rows": "B"}

files = click.argument("files", nargs=-1, required=True, type=options.FILE, metavar="FILE...")
sizes = click.option(
    "--size",
    "sizes",
    multiple=True,
    metavar="AXIS=N",
    help="A size that the file leaves open: T=50 or steps=50, B=4 or batch=4.",
)
value_range = click.option(
    "--range",
    "limits",
    nargs=2,
    type=options.Number(-1e6, 1e6),
    default=(-1.0, 1.0),
    metavar="LOW HIGH",
    help="Draw x from these bounds.  [default: -1 1]",
)
seed = click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="Draw another x.")
given = click.option(
    "--input",
    "input_file",
    type=options.FILE,
    help="Use this x, and h0, c0, lengths: an .npz or .safetensors file with (T, B, I), (D, B, H), (B).",
)


prefix = click.option("--prefix", default="", metavar="TEXT", help="Only layers whose name in the file begins so.")
said = click.option(
    "--set",
    "said",
    multiple=True,
    metavar="KEY=YAML",
    help="An option that a file of weights does not tell, by its key in a spec: forget_bias=1, direction=reverse.",
)


def _drawing(command: Callable[..., None]) -> Callable[..., None]:
    for option in (said, prefix, given, seed, value_range, sizes, files):
        command = option(command)
    return command


@click.command()
@_drawing
@click.option(
    "--adapter",
    "adapters",
    multiple=True,
    metavar="NAME",
    help="Only this adapter, or engine of the file's own node; repeatable.  [default: all that load]",
)
@click.option(
    "--recorded",
    type=options.FILE,
    help="Judge the y, h_n, c_n in this .npz or .safetensors file, recorded elsewhere, instead of running anything.",
)
@options.as_json
@options.timeout
@options.load_timeout
@options.settings
def check(
    files: tuple[Path, ...],
    sizes: tuple[str, ...],
    limits: tuple[float, float],
    seed: int,
    input_file: Path | None,
    prefix: str,
    said: tuple[str, ...],
    adapters: tuple[str, ...],
    recorded: Path | None,
    as_json: bool,
    settings: RunSettings,
) -> None:
    """Say whether the LSTM layers of model files are computed rightly, by every engine and framework that is installed.

    Each layer becomes a case with its own weights and with proven golden values. Engines that read the file's format
    run the very node of the file; every other adapter that supports its options runs the same weights.

    Exit code: 0 all answers are right, 1 some are wrong, 2 nothing could be checked.
    """
    from conformance.models.checking import check_all
    from conformance.views import checked as view

    with tempfile.TemporaryDirectory(prefix="conformance-") as folder:
        found = _brought(files, _wanted(sizes, limits, seed, input_file, prefix, said))
        result = check_all(Path(folder), found, adapters, settings, _run, recorded)
    if as_json:
        click.echo(json.dumps(view.as_json(result), indent=1))
    else:
        click.echo(view.as_text(result))
    if not result.cases:
        sys.exit(2)
    sys.exit(1 if result.wrong else 0)


@click.command("import")
@_drawing
@click.option("-o", "--output", type=options.NEW_FOLDER, required=True, help="The folder of the suite.")
def import_files(
    files: tuple[Path, ...],
    sizes: tuple[str, ...],
    limits: tuple[float, float],
    seed: int,
    input_file: Path | None,
    prefix: str,
    said: tuple[str, ...],
    output: Path,
) -> None:
    """Keep the LSTM layers of model files as a suite of your own: specs, weights, golden values, engines.

    `conformance run` then runs it, here or in CI, with any adapter.

    Exit code: 0, or 1 if a layer could not become a case.
    """
    from conformance.models import bring
    from conformance.models.checking import prove

    found = _brought(files, _wanted(sizes, limits, seed, input_file, prefix, said))
    cases = bring.write(output, found)
    problems = prove(output, cases) if cases else []
    for file in found:
        click.echo(f"{file.path}: {counted(len(file.layers), 'LSTM layer')}")
        for where, why in file.left_out:
            click.echo(f"  not a case: {where}: {why}")
    for problem in problems:
        click.echo(problem, err=True)
    if not cases:
        raise ConformanceError("there is no LSTM layer here that can become a case; nothing was written")
    click.echo(
        f"{counted(len(cases), 'case')} in {output}; run them with: conformance run --specs {output / 'specs'} "
        f"--vectors {output / 'vectors'}"
    )
    sys.exit(1 if problems or any(file.left_out for file in found) else 0)


def _brought(files: Sequence[Path], wanted: Wanted) -> list[BroughtFile]:
    from conformance.models.bring import bring

    return [bring(path, wanted) for path in files]


def _wanted(
    sizes: Sequence[str],
    limits: tuple[float, float],
    seed: int,
    input_file: Path | None,
    prefix: str,
    said: Sequence[str],
) -> Wanted:
    from conformance.models.brought import Wanted

    low, high = limits
    if not low < high:
        raise click.UsageError(f"--range {low:g} {high:g}: the first bound must be less than the second")
    chosen: dict[str, int] = {}
    for text in sizes:
        axis, _, number = text.partition("=")
        if axis.lower() not in _SIZES or not number.isascii() or not number.isdigit() or not 1 <= int(number) <= 10**6:
            raise click.UsageError(f"--size {text!r}: give T=N (steps) or batch=N, N from 1 to 1,000,000")
        chosen[_SIZES[axis.lower()]] = int(number)
    return Wanted(
        chosen.get("T"), chosen.get("B"), low, high, seed, _inputs(input_file), prefix, dict(map(_setting, said))
    )


def _setting(text: str) -> tuple[str, Any]:
    from conformance.case.yaml_lines import parse

    key, equals, value = text.partition("=")
    if not equals:
        raise click.UsageError(f"--set {text}: give KEY=VALUE, like --set direction=reverse")
    return key, parse(value, f"--set {key}")


def _inputs(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    from conformance.models.inputs import read_inputs

    return read_inputs(path)


def _run(settings: RunSettings, labels: Sequence[str], cases: Sequence[Case]) -> Any:
    from conformance.cli.running import Run

    return Run(labels=list(labels), settings=settings, resumable=False, optional=True).carried_out(beside=True)
