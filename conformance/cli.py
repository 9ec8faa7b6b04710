"""The command `conformance`. Each command reads its options, calls the package, and prints; nothing is decided here."""

from __future__ import annotations

import functools
import json
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from conformance import __version__
from conformance.case.errors import AdapterUnavailable, ConformanceError
from conformance.data import default_folders

if TYPE_CHECKING:
    from rich.console import Console

    from conformance.case.model import Case
    from conformance.run.result import Result
    from conformance.run.runner import Runner

FOLDERS = default_folders()
_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
_specs = click.option(
    "--specs", type=_FOLDER, default=FOLDERS.specs, help="Folder of specs.  [default: the suite's own]"
)
_vectors = click.option(
    "--vectors",
    type=click.Path(file_okay=False, path_type=Path),
    default=FOLDERS.vectors,
    help="Folder of vectors.  [default: the suite's own]",
)
_case = click.option(
    "--case", "patterns", multiple=True, metavar="GLOB", help="Only cases whose id matches; repeatable."
)


class _Group(click.Group):
    """Turns the suite's own errors into a message and exit code 2."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except ConformanceError as error:
            click.echo(str(error), err=True)
            ctx.exit(2)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def main() -> None:
    """Hold LSTM implementations to proven golden vectors."""


@main.command()
@click.option(
    "--adapter", "adapters", multiple=True, metavar="NAME[@DEVICE]", help="Repeatable.  [default: all that load]"
)
@_case
@_specs
@_vectors
@click.option("--deviations", type=_FOLDER, default=FOLDERS.deviations, help="Folder of known deviations.")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Write results as JSON lines.")
@click.option(
    "--timeout",
    type=click.FloatRange(0, min_open=True),
    default=300.0,
    show_default=True,
    help="Seconds a case may take.",
)
@click.option("-j", "--jobs", type=click.IntRange(1), help="Adapters side by side.  [default: one a core]")
@click.option("-v", "--verbose", is_flag=True, help="Print each known deviation's message too.")
def run(
    adapters: tuple[str, ...],
    patterns: tuple[str, ...],
    specs: Path,
    vectors: Path,
    deviations: Path,
    output: Path | None,
    timeout: float,
    jobs: int | None,
    verbose: bool,
) -> None:
    """Run cases with adapters; print a matrix and every unexpected result.

    Exit code: 0 nothing unexpected, 1 something unexpected, 2 the run could not be made.
    """
    from conformance.adapters import registry
    from conformance.faces.matrix import LEGEND, matrix
    from conformance.golden.store import VectorStore
    from conformance.run.deviations import load_deviations
    from conformance.run.results import ResultsFile
    from conformance.run.runner import Runner
    from conformance.run.select import select_cases

    console = _console()
    cases = select_cases(specs, patterns)
    store = VectorStore(vectors)
    options = _given(specs=specs, vectors=vectors, deviations=deviations)
    runners = {
        name: Runner(name, store, load_deviations(deviations, registry.split(name)[0]), timeout, options)
        for name in adapters or registry.names()
    }
    jobs = jobs or os.cpu_count() or 1
    try:
        loaded = _start(console, runners, optional=not adapters)
        versions = {name: runner.versions for name, runner in loaded.items()}
        results: list[Result] = []
        if output is None:
            _run_all(console, cases, loaded, jobs, (results.append,))
        else:
            with ResultsFile(output, store.digest(), versions) as file:
                _run_all(console, cases, loaded, jobs, (results.append, file.add))
    finally:
        for runner in runners.values():
            runner.close()
    order = list(loaded)
    results.sort(key=lambda result: order.index(result.adapter))  # each adapter's stay in the order of the specs
    for result in results:
        if result.unexpected or (verbose and result.deviates_as_known):
            console.print(result.message(), markup=False, highlight=False, soft_wrap=True)
            console.print()
    console.print(matrix(results, order, breakable=console.is_terminal))
    unexpected = sum(result.unexpected for result in results)
    click.echo(LEGEND)
    click.echo(f"{len(results)} results, {unexpected} unexpected" + (f"; written to {output}" if output else ""))
    sys.exit(1 if unexpected else 0)


def _given(**folders: Path) -> tuple[str, ...]:
    """The options that name folders other than the suite's own."""
    given = {name: path for name, path in folders.items() if path.resolve() != getattr(FOLDERS, name)}
    return tuple(word for name, path in given.items() for word in (f"--{name}", str(path)))


def _start(console: Console, runners: dict[str, Runner], *, optional: bool) -> dict[str, Runner]:
    """The runners whose adapter loads; with `optional`, those that do not are named and left out."""
    loaded: dict[str, Runner] = {}
    for name, runner in runners.items():
        with console.status(f"loading {name}"):
            try:
                runner.start()
            except AdapterUnavailable as error:
                if not optional:
                    raise
                console.print(f"not here: {error}", markup=False, highlight=False)
                continue
        if len(runners) > 1:
            runner.close()  # only one worker at a time holds its framework's memory
        loaded[name] = runner
    if not loaded:
        raise AdapterUnavailable("no adapter loads here; see: conformance doctor")
    return loaded


def _run_all(
    console: Console,
    cases: list[Case],
    runners: dict[str, Runner],
    jobs: int,
    reports: tuple[Callable[[Result], None], ...],
) -> None:
    """Every case with every adapter, so many adapters side by side."""
    stopped, one_at_a_time = threading.Event(), threading.Lock()

    def run_one(runner: Runner, task: Any) -> None:
        progress.start_task(task)
        for case in cases:
            result = runner.run(case)
            if stopped.is_set():
                return
            with one_at_a_time:
                for report in reports:
                    report(result)
            progress.advance(task)
        runner.close()

    with _progress(console) as progress, ThreadPoolExecutor(jobs) as pool:
        # Inside: an interrupt between the first result and here would leave the threads to their workers' time.
        try:
            futures = [
                pool.submit(run_one, runner, progress.add_task(name, total=len(cases), start=False))
                for name, runner in runners.items()
            ]
            for future in as_completed(futures):
                future.result()
        except BaseException:  # Ctrl-C too: without their workers the threads come to an end
            stopped.set()
            pool.shutdown(wait=False, cancel_futures=True)
            for runner in runners.values():
                runner.close()
            raise


@main.command("list")
@_case
@_specs
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_cases(patterns: tuple[str, ...], specs: Path, as_json: bool) -> None:
    """List the cases: id, shapes and options."""
    from conformance.run.select import select_cases

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
    click.echo(f"{len(cases)} cases in {len({case.family for case in cases})} families")


@main.command()
@click.argument("case_id", metavar="CASE")
@_specs
@_vectors
@click.option("--json", "json_", is_flag=True, help="Print JSON.")
def show(case_id: str, specs: Path, vectors: Path, json_: bool) -> None:
    """Show one case: options, shapes, golden values."""
    from conformance.faces.show import as_json, as_text
    from conformance.golden.cache import cached
    from conformance.golden.store import VectorStore
    from conformance.run.select import select_cases

    for case in select_cases(specs, (case_id,)):
        vector = cached(case) if case.on_demand else VectorStore(vectors).load(case)
        click.echo(as_json(case, vector) if json_ else as_text(case, vector))


@main.command()
def schema() -> None:
    """Print the JSON Schema of a spec file, for editors."""
    from conformance.case.schema import spec_schema

    click.echo(json.dumps(spec_schema(), indent=1))


@main.command()
@_case
@_specs
@_vectors
@click.option(
    "--check", "check_only", is_flag=True, help="Write nothing; demand that the stored vectors are what comes out."
)
@click.option("-j", "--jobs", type=click.IntRange(1), help="Processes.  [default: one a core]")
def generate(patterns: tuple[str, ...], specs: Path, vectors: Path, check_only: bool, jobs: int | None) -> None:
    """Make the golden vectors of the specs (needs the extra `generate`).

    The suite's own have to separate every known mistake (conformance mistakes) by 8 times the tolerance.

    Exit code: 0 all is well, 1 a case could not be made, a stored vector differs, or a mistake is not separated.
    """
    from conformance.golden import generate as generation
    from conformance.golden import power
    from conformance.golden.store import VectorStore
    from conformance.run.select import select_cases

    if (specs == FOLDERS.specs) != (vectors == FOLDERS.vectors):
        # Else the suite's own vectors would be taken for stale ones, and removed.
        raise click.UsageError("a folder of specs has a folder of vectors of its own: give both --specs and --vectors")
    console = _console()
    cases = select_cases(specs, patterns)
    store = VectorStore(vectors)
    whole = not patterns
    with _progress(console) as progress:
        task = progress.add_task("checking" if check_only else "generating", total=sum(not c.on_demand for c in cases))

        def report(case: Case, built: object) -> None:
            progress.advance(task)

        if check_only:
            summary = generation.check(cases, store, whole=whole, jobs=jobs, report=report)
        else:
            summary = generation.generate(cases, store, prune=whole, jobs=jobs, report=report)
        good = summary.same_bytes if check_only else summary.made
        if whole and specs == FOLDERS.specs and good == sum(not case.on_demand for case in cases):
            weighing = progress.add_task("mistakes", total=len(cases))
            advance = functools.partial(progress.advance, weighing)
            summary.problems += power.too_weak(cases, vectors, jobs=jobs, report=advance)
    for problem in summary.problems:
        console.print(problem, markup=False, highlight=False, soft_wrap=True)
    done = f"{summary.same_bytes} of {summary.made} the same bytes" if check_only else f"{summary.made} vectors made"
    console.print(
        f"{done}; every golden value proven with at most {summary.most_bits} bits; "
        f"reference within {summary.reference_noise:.2f} noise units of the oracle; {len(summary.problems)} problems"
    )
    sys.exit(1 if summary.problems else 0)


@main.command()
@_case
@_specs
@_vectors
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
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

    console = _console()
    cases = select_cases(specs, patterns)
    other = onnx_node_tests.caught() if against or as_markdown else None
    with _progress(console) as progress:
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


@main.command()
@click.option("--adapter", "adapters", multiple=True, metavar="NAME[@DEVICE]", help="Repeatable.  [default: all]")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def doctor(adapters: tuple[str, ...], as_json: bool) -> None:
    """Say of every adapter which versions and device it has, or why it cannot load.

    Exit code: 1 if an adapter asked for by name cannot load.
    """
    from dataclasses import asdict

    from conformance.adapters import registry
    from conformance.faces.doctor import examine

    found = []
    for diagnosis in examine(list(adapters) or registry.names()):
        found.append(asdict(diagnosis))
        if not as_json:
            versions = ", ".join(f"{package} {version}" for package, version in diagnosis.versions.items())
            click.echo(f"{diagnosis.adapter:30} {diagnosis.problem or f'{versions} on {diagnosis.device}'}")
    if as_json:
        click.echo(json.dumps(found, indent=1))
    sys.exit(1 if adapters and any(diagnosis["problem"] for diagnosis in found) else 0)


def _console() -> Console:
    from rich.console import Console

    # In a pipe or a log there is no width to fit, and a folded matrix could neither be read nor searched.
    return Console() if sys.stdout.isatty() else Console(width=1000)


def _progress(console: Console) -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=Console(stderr=True), transient=not sys.stderr.isatty())
