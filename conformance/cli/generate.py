"""`conformance generate`: makes the golden vectors, checks that the stored ones are the same, or writes them again."""

from __future__ import annotations

import functools
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from conformance.cli import options

if TYPE_CHECKING:
    from conformance.case.model import Case


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
@click.option("-j", "--jobs", type=click.IntRange(1), help="Number of processes.  [default: one per core]")
@options.on
def generate(
    patterns: tuple[str, ...],
    specs: Path,
    vectors: Path,
    check_only: bool,
    every: int,
    repack: bool,
    jobs: int | None,
    on: str | None,
) -> None:
    """Make the golden vectors of the specs, their manifest and cases.json.

    The suite's own vectors must separate every known mistake (see conformance mistakes) by 8 times the tolerance.

    Exit code: 0 all is well, 1 a case could not be made, a stored vector differs, or a mistake is not separated.
    """
    from conformance.case.load import load_specs
    from conformance.case.select import matching
    from conformance.golden import generate as generation
    from conformance.golden import index, power
    from conformance.golden.store import VectorStore

    wrong = {
        # Otherwise the suite's own vectors would be taken for stale ones, and removed.
        "a folder of specs needs its own folder of vectors: give both --specs and --vectors": (
            (specs == options.FOLDERS.specs) != (vectors == options.FOLDERS.vectors)
        ),
        "--every is for a check: give --check, too": every > 1 and not check_only,
        "--check writes nothing, and --repack writes: give one of them": repack and check_only,
        "--repack computes nothing: leave out --on": repack and on is not None,
    }
    if message := next((message for message, given in wrong.items() if given), None):
        raise click.UsageError(message)
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
        if whole and specs == options.FOLDERS.specs and good == sum(not case.on_demand for case in cases):
            weighing = progress.add_task("mistakes", total=len(cases))
            advance = functools.partial(progress.advance, weighing)
            summary.problems += power.too_weak(cases, vectors, jobs=jobs, report=advance)
    for each in summary.problems:
        console.print(each, markup=False, highlight=False, soft_wrap=True)
    if repack:
        changed = summary.made - summary.same_bytes
        console.print(f"{changed} of {summary.made} vectors written again; {len(summary.problems)} problems")
        sys.exit(1 if summary.problems else 0)
    done = (
        f"{summary.same_bytes} of {summary.made} vectors are the same" if check_only else f"{summary.made} vectors made"
    )
    if every > 1:
        done += f", the digests of {summary.digests} others too"
    console.print(
        f"{done}; every golden value proven with at most {summary.most_bits} bits; "
        f"reference within {summary.reference_noise:.2f} noise units of the oracle; {len(summary.problems)} problems"
    )
    sys.exit(1 if summary.problems else 0)
