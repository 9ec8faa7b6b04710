"""`conformance check` and `conformance import`: the layers of a model file, run and judged, or kept as a suite."""

from __future__ import annotations

import contextlib
import json
import shlex
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from conformance.case.errors import ConformanceError
from conformance.case.text import counted, visible
from conformance.cli import options
from conformance.cli.interrupts import interrupted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from conformance.models.bring import BroughtFile
    from conformance.models.checked import Checked
    from conformance.models.running import Told
    from conformance.models.wanted import Wanted
    from conformance.run.process import Worker
    from conformance.run.settings import RunSettings

_WORTH_TELLING = 3.0
"""Seconds; what takes longer is said to be done as soon as it is."""

files = click.argument("files", nargs=-1, required=True, type=options.EXISTING, metavar="FILE...")
sizes = click.option(
    "--size",
    "sizes",
    multiple=True,
    metavar="AXIS=N",
    help="A size that the file leaves open: T=50 or steps=50, B=4 or batch=4, or by the file's own name for it.",
)
value_range = click.option(
    "--range",
    "limits",
    nargs=2,
    type=options.Number(-1e6, 1e6),
    default=(-1.0, 1.0),
    metavar="LOW HIGH",
    help="Draw x from between these bounds, within a million.  [default: -1 1]",
)
seed = click.option("--seed", type=click.IntRange(0, 2**63 - 1), default=1, show_default=True, help="Draw another x.")
given = click.option(
    "--input",
    "input_file",
    type=options.EXISTING,
    help="Inputs in an .npz or .safetensors file: x, h0, c0, lengths of the layer as (T, B, I), (D, B, H), (B), or the "
    "inputs of an ONNX model by their names; or a folder of input_0.pb, ... as ONNX's own tests have it.",
)


prefix = click.option(
    "--prefix", default="", metavar="TEXT", help="Only the layer of this name, or those whose name begins so."
)
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
@click.option(
    "--report",
    "page",
    type=options.NEW_FILE,
    metavar="PAGE.html",
    help="Write a page as well, with a view of every layer: its options, what was assumed, who computes it rightly.",
)
@options.as_json
@options.timeout
@options.harnesses
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
    page: Path | None,
    as_json: bool,
    settings: RunSettings,
) -> None:
    """Say whether the LSTM layers of model files are computed rightly, by every engine and framework that is installed.

    Each layer becomes a case with its own weights and with proven golden values. Engines that read the file's format
    run the very node of the file; every other adapter that supports its options runs the same weights.

    Exit code: 0 all answers are right, 1 some are wrong, 2 nothing could be checked.
    """
    if page is not None and page.suffix.lower() not in (".html", ".htm"):  # so that no model is written over
        raise click.UsageError(f"--report {page}: a page's name ends in .html, like {page.stem}.html")
    with tempfile.TemporaryDirectory(prefix="conformance-") as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        wanted = _wanted(sizes, limits, seed, prefix, said)
        begun = None if recorded is not None else stack.enter_context(_begun(folder, files, adapters, settings))
        from conformance.models.checking import check_all, of_recorded, prove
        from conformance.views import checked as view

        if page is not None:
            from conformance.report.page import demand_jinja

            demand_jinja()
        made = prove(folder, _brought(files, wanted, input_file))
        if recorded is not None:
            result = of_recorded(made, recorded, profiles=page is not None)
        else:
            result = check_all(made, adapters, folder, settings, _said, begun, profiles=page is not None)
    for line in result.absent:
        click.echo(f"not here: {line}", err=True)
    click.echo(json.dumps(view.as_json(result), indent=1) if as_json else view.as_text(result))
    if page is not None:
        _write_page(page, result)
    sys.exit(1 if result.wrong else 0 if result.judged else 2)


def _write_page(path: Path, result: Checked) -> None:
    """Write the report of a check; where it is said goes beside what the check prints."""
    from conformance.files import replace_file
    from conformance.report import page
    from conformance.report.content import Content

    content = Content.of_check(result)
    replace_file(path, page.html(content))
    click.echo(f"{content.headline}; written to {visible(str(path))}", err=True)


@contextlib.contextmanager
def _begun(
    folder: Path, files: Sequence[Path], adapters: Sequence[str], settings: RunSettings
) -> Iterator[Worker | None]:
    """The worker of the one implementation there is to ask: it loads while the file is read and proven.

    Raises:
        AdapterUnavailable: one of the adapters does not exist.
    """
    from conformance.adapters import registry
    from conformance.models import own_nodes

    for adapter in adapters:
        if (label := registry.parse(adapter)).place:
            raise click.UsageError(
                f"--adapter {adapter}: a check runs here; keep the file as a suite (conformance import) and run that "
                "there (conformance run --worker)"
            )
        registry.demand(label)
    if len(set(adapters)) != 1:
        yield None
        return
    from conformance.cli.starting import begun

    (folder / own_nodes.FILE).write_text(own_nodes.ENGINES)
    own = own_nodes.label_of(folder, adapters[0]) if all(path.suffix.lower() == ".onnx" for path in files) else None
    with begun(own or adapters[0], settings) as worker:
        yield worker


def _said(told: Told) -> None:
    """Say on standard error that an implementation is done, where that takes a while."""
    if interrupted():
        raise KeyboardInterrupt
    if not told.absent and told.seconds > _WORTH_TELLING:
        own = ", the file's own node" if told.asked.own_node else ""
        click.echo(f"{told.asked.adapter}{own}: done after {told.seconds:.0f} s", err=True)


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
    from conformance.case.load import load_specs
    from conformance.golden import index
    from conformance.models import suite
    from conformance.models.checking import prove

    suite.demand_empty(output)
    found = _brought(files, _wanted(sizes, limits, seed, prefix, said), input_file)
    if not any(file.layers for file in found):
        for line in (line for file in found for line in left_out(file)):
            click.echo(line, err=True)
        raise ConformanceError("there is no LSTM layer here that can become a case; nothing was written")
    with suite.finished(output):
        made = prove(output, found)
        index.write(load_specs(output / "specs"), made.store)
    for file in found:
        click.echo(visible(f"{file.path}: {counted(len(file.layers), 'LSTM layer')}"))
        for line in left_out(file):
            click.echo(line)
    for problem in made.problems.values():
        click.echo(problem, err=True)
    again = shlex.join(["--specs", str(output / "specs"), "--vectors", str(output / "vectors")])
    click.echo(visible(f"{counted(len(made.proven), 'case')} in {output}; run with: conformance run {again}"))
    sys.exit(1 if made.problems or any(file.left_out for file in found) else 0)


def left_out(file: BroughtFile) -> list[str]:
    """What of a file is not a case, one line each."""
    return [visible(f"  not a case: {where}" + (f": {why}" if why else "")) for where, why in file.left_out]


def _brought(files: Sequence[Path], wanted: Wanted, given: Path | None) -> list[BroughtFile]:
    from conformance.models.bring import bring
    from conformance.models.wanted import AXES

    found = [bring(path, wanted, given) for path in files]
    axes = {axis for file in found for axis in file.axes}
    if unknown := [axis for axis in wanted.sizes if axis.lower() not in AXES and axis not in axes]:
        names = f"; the names in the file: {', '.join(sorted(axes))}" if axes else ""
        raise click.UsageError(f"--size {unknown[0]}: no LSTM has such an axis; give T=N or batch=N{names}")
    return found


def _wanted(
    sizes: Sequence[str],
    limits: tuple[float, float],
    seed: int,
    prefix: str,
    said: Sequence[str],
) -> Wanted:
    from conformance.models.wanted import Wanted

    low, high = limits
    if not low < high:
        raise click.UsageError(f"--range {low:g} {high:g}: the first bound must be less than the second")
    chosen: dict[str, int] = {}
    for text in sizes:
        axis, _, number = text.rpartition("=")
        if not axis or not number.isascii() or not number.isdigit() or not 1 <= int(number) <= 10**6:
            raise click.UsageError(
                f"--size {text}: give AXIS=N, like T=50, batch=4 or a name of the file's, N from 1 on"
            )
        chosen[axis] = int(number)
    return Wanted(chosen, low, high, seed, prefix=prefix, options=dict(map(options.setting, said)))
