"""Options shared by several commands, and how commands print."""

from __future__ import annotations

import contextlib
import functools
import math
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from conformance.data import default_folders
from conformance.run.settings import CASE_SECONDS, LOAD_SECONDS, RunSettings

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

    from conformance.cluster.pool import ClusterPool


class _Path(click.Path):
    """A path that must not be empty: an empty one is usually a shell variable that is not set."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value == "":
            self.fail(f"a {self.name} needs a name; this one is empty", param, ctx)
        return super().convert(value, param, ctx)


class Number(click.FloatRange):
    """A number between bounds. NaN is refused: no comparison with a bound excludes it."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Convert, as click does, and refuse NaN."""
        number = super().convert(value, param, ctx)
        if math.isnan(number):
            self.fail(f"{value} is not a number.", param, ctx)
        return number


FOLDERS = default_folders()
FOLDER = _Path(exists=True, file_okay=False, path_type=Path)
NEW_FOLDER = _Path(file_okay=False, path_type=Path)
FILE = _Path(exists=True, dir_okay=False, path_type=Path)
EXISTING = _Path(exists=True, path_type=Path)
NEW_FILE = _Path(dir_okay=False, path_type=Path)
NEW_PATH = _Path(path_type=Path)

specs = click.option("--specs", type=FOLDER, default=FOLDERS.specs, help="Folder of specs.  [default: the suite's own]")
vectors = click.option(
    "--vectors",
    type=NEW_FOLDER,
    default=FOLDERS.vectors,
    help="Folder of vectors.  [default: the suite's own]",
)
deviations = click.option(
    "--deviations",
    type=FOLDER,
    default=FOLDERS.deviations,
    help="Folder of known deviations.  [default: the suite's own]",
)
case = click.option(
    "--case",
    "patterns",
    multiple=True,
    metavar="GLOB",
    help="Only cases whose id matches; !GLOB: not these. Repeatable.",
)
worker = click.option(
    "--worker",
    "workers",
    multiple=True,
    metavar="PLACE=SPEC",
    help="Another place to run adapters, which are then called PLACE:NAME. SPEC: python=INTERPRETER or "
    "ssh=HOST[//python=INTERPRETER]. Repeatable.",
)
load_timeout = click.option(
    "--load-timeout",
    type=float,
    default=LOAD_SECONDS,
    show_default=True,
    metavar="SECONDS",
    help="Seconds an adapter may take to load.",
)
timeout = click.option(
    "--timeout",
    type=float,
    default=CASE_SECONDS,
    show_default=True,
    metavar="SECONDS",
    help="Seconds a case may take.",
)
memory = click.option(
    "--memory",
    type=float,
    metavar="GIB",
    help="Memory a worker may allocate, in GiB (Linux only).  [default: no limit]",
)
in_process = click.option(
    "--in-process",
    is_flag=True,
    help="For debugging: run the adapter in this process and thread. Its output appears here, breakpoint() works, "
    "--timeout does not apply, and a crash ends the run.",
)
trace = click.option(
    "--trace",
    type=NEW_FILE,
    help="Write what is said between the suite and a harness (command:PATH) to this file, as JSON lines.",
)


def _use_harnesses(context: click.Context, parameter: click.Parameter, file: Path | None) -> None:
    from conformance.adapters.harness import configuration

    configuration.use(file)


harnesses = click.option(
    "--harnesses",
    type=FILE,
    expose_value=False,
    callback=_use_harnesses,
    help="A YAML file of harnesses by name, besides those in pyproject.toml: NAME: COMMAND.",
)
on = click.option(
    "--on",
    metavar="dask|ADDRESS",
    help="Compute on a dask cluster: one on this machine, or that of the scheduler at ADDRESS, tcp://HOST:8786.",
)


@contextlib.contextmanager
def pool(on: str | None, vectors: Path, jobs: int | None) -> Iterator[ClusterPool | None]:
    """The workers of --on, for the time of a command; None without it.

    Args:
        vectors: the folder that they read. jobs: how many there are in a cluster on this machine.

    Raises:
        ConformanceError: dask is not installed, or there is no such cluster.
    """
    if on is None:
        yield None
        return
    from conformance.case.errors import ConformanceError

    try:
        from conformance.cluster.joining import joined
    except ModuleNotFoundError as error:
        raise ConformanceError(
            f"--on {on}: {error.name} is not installed: python -m pip install 'lstm-conformance[cluster]'"
        ) from error
    with joined(on, vectors, jobs=jobs, say=functools.partial(click.echo, err=True)) as workers:
        yield workers


def demand_anywhere(on: str | None, settings: RunSettings) -> None:
    """Raise UsageError if an adapter is to run on a cluster, and the settings are about this process or machine."""
    from conformance.adapters.harness import configuration

    given = {
        "--worker": settings.places,
        "--in-process": settings.in_process,
        "--trace": settings.trace,
        "--harnesses": configuration.used(),
    }
    found = next((option for option, value in given.items() if value), None)
    if on is not None and found is not None:
        raise click.UsageError(f"--on starts its workers elsewhere: {found} does not go with it")


_SETTINGS = {"trace", "timeout", "load_timeout", "memory", "in_process", "specs", "vectors", "deviations"}


def settings(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command those of its options that say how cases are run as one `settings`."""

    @functools.wraps(command)
    def taken(**given: Any) -> None:
        values = {name: given.pop(name) for name in _SETTINGS & given.keys()}
        if "workers" in given:
            from conformance.run.places import parse_places

            values["places"] = parse_places(given.pop("workers"))
        if (file := values.get("trace")) is not None:
            from conformance.files import writing

            with writing(file):
                file.write_text("")
        try:
            command(settings=RunSettings(**values), **given)
        finally:
            if file is not None and file.is_file() and not file.stat().st_size:
                click.echo(f"warning: {file} is empty: nothing was said to a harness (command:PATH)", err=True)

    return taken


as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def console(*, error: bool = False, wide: bool = False) -> Console:
    """The console for tables and messages.

    What is printed is plain text: no [part] of it is markup.

    Args:
        error: print on standard error, beside the output.
        wide: ignore the width of the terminal.
    """
    from rich.console import Console

    # In a pipe or a log there is no width to fit, and a folded table could neither be read nor searched.
    where = sys.stderr if error else sys.stdout
    width = None if where.isatty() and not wide else 10_000
    return Console(stderr=error, width=width, markup=False, emoji=False, highlight=False)


def status(text: str, *, error: bool = False) -> contextlib.AbstractContextManager[Any]:
    """A spinner beside `text` during a wait, if the output goes to a terminal."""
    where = sys.stderr if error else sys.stdout
    if not where.isatty():
        return contextlib.nullcontext()
    from rich.text import Text

    return console(error=error).status(Text(text))


def progress() -> Progress:
    """Progress bars on standard error, shown only on a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty())


def demand_other_file(output: Path | None, inputs: Iterable[Path]) -> None:
    """Checks that a command does not write over what it reads.

    Raises:
        UsageError: the output is one of the inputs, links followed.
    """
    for path in inputs:
        with contextlib.suppress(OSError):  # it does not exist, or cannot be written, which is reported then
            if output is not None and output.samefile(path):
                raise click.UsageError(f"{output} is read by this command; name another file to write")


def setting(text: str) -> tuple[str, Any]:
    """The key and the value of a `--set KEY=YAML`.

    Raises:
        UsageError: it has no =, or nothing on one side of it. SpecError: the value is not YAML.
    """
    from conformance.case.yaml_lines import parse

    key, equals, value = text.partition("=")
    if not (key and equals and value.strip()):
        raise click.UsageError(f"--set {text}: give KEY=VALUE, like --set direction=reverse")
    return key, parse(value, f"--set {key}")
