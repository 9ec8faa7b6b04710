"""`conformance run`: cases with adapters."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from conformance.case.errors import AdapterUnavailable
from conformance.cli import options

if TYPE_CHECKING:
    from rich.console import Console

    from conformance.case.model import Case
    from conformance.run.record import Header, Record
    from conformance.run.result import Result
    from conformance.run.results import Results
    from conformance.run.runner import Runner


@click.command()
@click.option(
    "--adapter",
    "adapters",
    multiple=True,
    metavar="[PLACE:]NAME[@DEVICE]",
    help="Repeatable.  [default: all that load, here and at each --worker]",
)
@options.worker
@options.case
@click.option("--shard", "part", metavar="K/N", help="Only the K-th of N parts of the cases; see conformance merge.")
@options.specs
@options.vectors
@options.deviations
@click.option("-o", "--output", type=options.NEW_FILE, help="Write results as JSON lines.")
@click.option("--resume", is_flag=True, help="Go on with the file of -o where an interrupted run left it.")
@click.option(
    "--timeout",
    type=click.FloatRange(0, min_open=True),
    default=300.0,
    show_default=True,
    help="Seconds a case may take.",
)
@click.option(
    "--memory",
    type=click.FloatRange(0, min_open=True),
    metavar="GIB",
    help="Memory a worker may allocate (Linux).  [default: no limit]",
)
@click.option(
    "--in-process",
    is_flag=True,
    help="For debuggers: run the adapter in this process and thread, its output here, without --timeout; breakpoint() "
    "works, and a crash ends the run.",
)
@click.option("-j", "--jobs", type=click.IntRange(1), help="Adapters side by side.  [default: one a core]")
@click.option("-v", "--verbose", is_flag=True, help="Print each known deviation's message too.")
def run(
    adapters: tuple[str, ...],
    workers: tuple[str, ...],
    patterns: tuple[str, ...],
    part: str | None,
    specs: Path,
    vectors: Path,
    deviations: Path,
    output: Path | None,
    resume: bool,
    timeout: float,
    memory: float | None,
    in_process: bool,
    jobs: int | None,
    verbose: bool,
) -> None:
    """Run cases with adapters; print a matrix and every unexpected result.

    Exit code: 0 nothing unexpected, 1 something unexpected, 2 the run could not be made.
    """
    from conformance import __version__
    from conformance.adapters import registry
    from conformance.golden.store import VectorStore
    from conformance.run.combine import resumable
    from conformance.run.deviations import load_deviations
    from conformance.run.places import everywhere, parse_places
    from conformance.run.record import Header, selection_digest
    from conformance.run.runner import Runner
    from conformance.run.select import select_cases, shard

    if resume and output is None:
        raise click.UsageError("--resume goes on with the file of -o FILE; none is given")
    if in_process and (not adapters or workers or memory):
        raise click.UsageError("--in-process needs --adapter NAME, and has no worker to place or to limit")
    console = options.console()
    selected = select_cases(specs, patterns)
    cases = shard(selected, part) if part else selected
    store = VectorStore(vectors)
    given = _given(specs=specs, vectors=vectors, deviations=deviations)
    places = parse_places(workers)
    labels = adapters or everywhere(places)
    if idle := places.keys() - {registry.parse(label).place for label in labels}:
        raise click.UsageError(f"no --adapter names the place {min(idle)}; like --adapter {min(idle)}:numpy")
    runners = {
        name: Runner(
            name,
            store,
            load_deviations(deviations, registry.parse(name).name),
            timeout,
            given,
            places=places,
            memory=memory,
            in_process=in_process,
        )
        for name in labels
    }
    try:
        loaded = _start(console, runners, optional=not adapters, spinner=not in_process)
        header = Header(
            suite=__version__,
            vectors=store.digest(),
            cases=len(selected),
            selection=selection_digest(case.id for case in selected),
            shard=part,
            adapters={name: runner.info for name, runner in loaded.items()},
        )
        found = resumable(output, header) if resume and output else None
        jobs = 1 if in_process else jobs or os.cpu_count() or 1
        records = _run(console, loaded, cases, output, header, found, jobs, bars=not in_process)
    finally:
        for runner in runners.values():
            runner.close()
    place = {(name, case.id): (n, k) for n, name in enumerate(loaded) for k, case in enumerate(cases)}
    records.sort(key=lambda record: place[record.adapter, record.case])  # each adapter's in the order of the specs
    _print(console, records, list(loaded), verbose=verbose)
    unexpected = sum(record.unexpected for record in records)
    click.echo(f"{len(records)} results, {unexpected} unexpected" + (f"; written to {output}" if output else ""))
    sys.exit(1 if unexpected else 0)


def _run(
    console: Console,
    runners: dict[str, Runner],
    cases: list[Case],
    output: Path | None,
    header: Header,
    found: Results | None,
    jobs: int,
    *,
    bars: bool,
) -> list[Record]:
    """The results of what is left to run and of what is in the file already, in the order they came."""
    from conformance.run.results import ResultsFile
    from conformance.run.together import run_together

    records = list(found.records) if found else []
    done = {(record.adapter, record.case) for record in records}
    left = {name: [case for case in cases if (name, case.id) not in done] for name in runners}
    if found:
        console.print(f"{output}: {len(done)} results are there, {sum(map(len, left.values()))} are left")
    with contextlib.ExitStack() as stack:
        file = None
        if output is not None and not (found and found.complete):
            file = stack.enter_context(ResultsFile.resumed(found) if found else ResultsFile(output, header))
        progress = stack.enter_context(options.progress(shown=bars))
        tasks = {
            name: progress.add_task(name, total=len(cases), completed=len(cases) - len(left[name]), start=False)
            for name in runners
        }

        def report(result: Result) -> None:
            record = result.record()
            records.append(record)
            if file is not None:
                file.add(record)
            progress.advance(tasks[result.adapter])

        try:
            run_together(runners, left, jobs, begun=lambda name: progress.start_task(tasks[name]), report=report)
        except KeyboardInterrupt:
            kept = f"; {output} has them: go on with the same command and --resume" if output else ""
            click.echo(f"\ninterrupted after {len(records)} results{kept}", err=True)
            raise
    return records


def _print(console: Console, records: list[Record], adapters: list[str], *, verbose: bool) -> None:
    """The messages and the matrix."""
    from conformance.faces.matrix import LEGEND, matrix

    for record in records:
        if record.unexpected or (verbose and record.known):
            console.print(record.message, markup=False, highlight=False, soft_wrap=True)
            console.print()
    console.print(matrix(records, adapters, breakable=console.is_terminal))
    click.echo(LEGEND)


def _given(**folders: Path) -> tuple[str, ...]:
    """The options that name folders other than the suite's own."""
    given = {name: path for name, path in folders.items() if path.resolve() != getattr(options.FOLDERS, name)}
    return tuple(word for name, path in given.items() for word in (f"--{name}", str(path)))


def _start(console: Console, runners: dict[str, Runner], *, optional: bool, spinner: bool) -> dict[str, Runner]:
    """The runners whose adapter loads; with `optional`, those that do not are named and left out."""
    loaded: dict[str, Runner] = {}
    for name, runner in runners.items():
        # A spinner would run on over a debugger's prompt.
        with console.status(f"loading {name}") if spinner else contextlib.nullcontext():
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
