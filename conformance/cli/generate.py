"""`conformance generate`: makes the golden vectors, checks that the stored ones are the same, or writes them again."""

from __future__ import annotations

import functools
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from conformance.cli import options
from conformance.cli.catching import keep_times, make_catches, problems_of_catches

if TYPE_CHECKING:
    from conformance.case.model import Case
    from conformance.golden.generate import Summary


@click.command()
@options.case
@options.specs
@options.vectors
@click.option(
    "--check",
    "check_only",
    is_flag=True,
    help="Write nothing; check that the stored vectors are byte for byte the same.",
)
@click.option(
    "--every",
    metavar="N",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="With --check: make every Nth vector again; of the others, compare the digests only.",
)
@click.option(
    "--repack",
    is_flag=True,
    help="Make nothing; write the files again with what they say of their cases now: the tolerance, for example.",
)
@click.option(
    "--catches",
    "only_catches",
    is_flag=True,
    help="Make no vectors; only bring catches.xz up to date, by which --quick chooses.",
)
@click.option(
    "--times",
    multiple=True,
    type=options.FILE,
    metavar="RESULTS",
    help="Make nothing; keep what cases cost in this results file for --quick, for its adapters. Repeatable.",
)
@click.option("-j", "--jobs", type=click.IntRange(1), help="Number of processes.  [default: one per core]")
@options.on
def generate(
    patterns: tuple[str, ...],
    specs: Path,
    vectors: Path,
    check_only: bool,
    every: int,
    repack: bool,
    only_catches: bool,
    times: tuple[Path, ...],
    jobs: int | None,
    on: str | None,
) -> None:
    """Make the golden vectors of the specs, their manifest and cases.json; of the suite's own, also catches.xz.

    The suite's own vectors must separate every known mistake (see conformance mistakes) by 8 times the tolerance.

    Exit code: 0 all is well, 1 a case could not be made, a stored vector differs, or a mistake is not separated.
    """
    from conformance.case.load import load_specs
    from conformance.case.select import matching
    from conformance.golden import generate as generation
    from conformance.golden import index, power
    from conformance.golden.store import VectorStore

    own = specs == options.FOLDERS.specs
    _demand_consistent(own, vectors, every, (check_only, repack, only_catches, bool(times)), on)
    if times:
        keep_times(times, vectors)
        return
    if only_catches:
        with options.progress() as progress:
            make_catches(load_specs(specs), vectors, jobs, progress)
        return
    console = options.console()
    all_cases = load_specs(specs)
    cases = matching(all_cases, patterns) if patterns else all_cases
    store = VectorStore(vectors)
    whole = not patterns
    with options.pool(on, vectors, jobs) as pool, options.progress() as progress:
        task = progress.add_task("checking" if check_only else "generating", total=sum(not c.on_demand for c in cases))

        def report(case: Case, built: object) -> None:
            progress.advance(task)

        if repack:
            summary = generation.repack(cases, store)
        elif check_only:
            summary = generation.check(cases, store, whole=whole, every=every, jobs=jobs, report=report, pool=pool)
        else:
            summary = generation.generate(cases, store, prune=whole, jobs=jobs, report=report, pool=pool)
        if check_only:
            problem = index.problem(all_cases, store)
            summary.problems += [problem] if problem else []
        else:
            index.write(all_cases, store)
        good = 0 if repack else summary.same_bytes + summary.digests if check_only else summary.made
        if whole and own and good == sum(not case.on_demand for case in cases):
            weighing = progress.add_task("mistakes", total=len(cases))
            advance = functools.partial(progress.advance, weighing)
            summary.problems += power.too_weak(cases, vectors, jobs=jobs, report=advance)
            if check_only:
                summary.problems += problems_of_catches(cases, vectors, every, jobs, progress)
            elif not summary.problems:
                make_catches(cases, vectors, jobs, progress)
    for each in summary.problems:
        console.print(each, markup=False, highlight=False, soft_wrap=True)
    console.print(_outcome(summary, repack, check_only, every))
    sys.exit(1 if summary.problems else 0)


def _outcome(summary: Summary, repack: bool, check_only: bool, every: int) -> str:
    """What was done, in a line."""
    problems = f"{len(summary.problems)} problems"
    if repack:
        return f"{summary.made - summary.same_bytes} of {summary.made} vectors written again; {problems}"
    done = (
        f"{summary.same_bytes} of {summary.made} vectors are the same" if check_only else f"{summary.made} vectors made"
    )
    if every > 1:
        done += f", the digests of {summary.digests} others too"
    return (
        f"{done}; every golden value proven with at most {summary.most_bits} bits; "
        f"reference within {summary.reference_noise:.2f} noise units of the oracle; {problems}"
    )


def _demand_consistent(own: bool, vectors: Path, every: int, jobs: tuple[bool, ...], on: str | None) -> None:
    """Refuse options that do not go together. own: the specs are the suite's own. jobs: which of them is to be done."""
    if own != (vectors == options.FOLDERS.vectors):
        # Otherwise the suite's own vectors would be taken for stale ones, and removed.
        raise click.UsageError("a folder of specs needs its own folder of vectors: give both --specs and --vectors")
    if every > 1 and not jobs[0]:
        raise click.UsageError("--every is for a check: give --check, too")
    if sum(jobs) > 1:
        raise click.UsageError("--check, --repack, --catches and --times are different jobs: give one of them")
    if on is not None and any(jobs[1:]):
        raise click.UsageError("--repack, --catches and --times do not compute on a cluster: leave out --on")
