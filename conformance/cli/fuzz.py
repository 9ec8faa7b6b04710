"""`conformance fuzz`: draws cases without end, and writes down what an adapter gets wrong."""

from __future__ import annotations

import json
import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from conformance.case.text import counted, visible
from conformance.cli import options
from conformance.cli.interrupts import interrupted

if TYPE_CHECKING:
    from conformance.fuzz.campaign import Campaign
    from conformance.fuzz.pieces import Wanted
    from conformance.run.settings import RunSettings

_MINUTES = 1.0
_TIMEOUT = 30.0


@click.command()
@click.option(
    "--adapter",
    "label",
    required=True,
    metavar="NAME[@DEVICE]|FILE.py:CLASS|command:PATH",
    help="Adapter to ask, installed, in a file, or behind a command.",
)
@click.option("--minutes", type=options.Number(0.01, 100_000), help=f"Stop after so long.  [default: {_MINUTES:g}]")
@click.option("--cases", type=click.IntRange(1), metavar="N", help="Stop after N cases, instead.")
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), default=1, show_default=True, help="Draw other cases.")
@click.option("--from", "start", type=click.IntRange(0), default=0, metavar="N", help="Begin with case N of the seed.")
@click.option(
    "-o",
    "--output",
    type=options.NEW_FOLDER,
    help="Folder for what is found; it may hold findings of an earlier campaign.  [default: below the user's data]",
)
@click.option("--no-deviations", is_flag=True, help="Also report what the known deviations explain.")
@options.deviations
@options.harnesses
@click.option(
    "--timeout",
    type=float,
    default=_TIMEOUT,
    show_default=True,
    metavar="SECONDS",
    help="Seconds a case may take.",
)
@options.load_timeout
@options.memory
@click.option("-j", "--jobs", type=click.IntRange(1), help="Processes, each with a worker.  [default: one per core]")
@options.on
@options.as_json
@options.settings
def fuzz(
    label: str,
    minutes: float | None,
    cases: int | None,
    seed: int,
    start: int,
    output: Path | None,
    no_deviations: bool,
    jobs: int | None,
    on: str | None,
    as_json: bool,
    settings: RunSettings,
) -> None:
    """Draw cases at random within an adapter's capabilities, and write down each kind of wrong answer, reduced.

    Options are crossed, sizes lie at borders, numbers reach from subnormal to saturating. What is wrong is made as
    small as it can be, proven by the oracle, diagnosed, and written as a spec with its vector and a script that needs
    nothing of this suite. Wrong answers that known deviations explain are only counted.

    The same seed and the same numbers are the same cases; --from goes on where a campaign ended.

    Exit code: 0 nothing new is wrong, 1 something is, 2 nothing could be asked.
    """
    from conformance.fuzz.campaign import carried_out
    from conformance.fuzz.pieces import Wanted
    from conformance.fuzz.shrinking import demand_installed

    if minutes is not None and cases is not None:
        raise click.UsageError("give --minutes or --cases, not both")
    options.demand_anywhere(on, settings)
    demand_installed()
    wanted = Wanted(
        label=label,
        seed=seed,
        start=start,
        cases=cases,
        seconds=None if cases is not None else 60.0 * (minutes or _MINUTES),
        settings=settings,
        deviations=not no_deviations,
        jobs=jobs or os.cpu_count() or 1,
        output=output or _default_folder(label),
    )
    _demand_outside(wanted.output)
    with options.pool(on, settings.vectors, jobs) as pool, options.progress() as progress:
        task = progress.add_task(f"cases of seed {seed}", total=cases)

        def report(campaign: Campaign) -> None:
            found = counted(len(campaign.findings), "finding")
            progress.update(task, completed=campaign.judged, description=f"{found} in cases of seed {seed}")

        campaign = carried_out(wanted, report, interrupted, pool)
    click.echo(json.dumps(campaign.as_json(), indent=1) if as_json else _as_text(campaign, wanted))
    if campaign.interrupted:
        click.echo(f"interrupted; go on with: {_go_on(campaign, wanted)}", err=True)
        raise KeyboardInterrupt
    sys.exit(1 if campaign.findings else 0 if campaign.judged else 2)


def _default_folder(label: str) -> Path:
    import re

    import platformdirs

    return platformdirs.user_data_path("lstm-conformance") / "fuzz" / re.sub(r"[^\w.@-]+", "-", label)


def _demand_outside(folder: Path) -> None:
    """Raises UsageError for a folder in a checkout of the suite: what ends an engine's process must not get there."""
    if any(
        (above / "pyproject.toml").exists() and (above / "conformance" / "fuzz").is_dir()
        for above in folder.resolve().parents
    ):
        raise click.UsageError(
            f"-o {folder} lies in the suite's repository, where inputs that end an engine's process must not be kept; "
            "name a folder outside"
        )


def _go_on(campaign: Campaign, wanted: Wanted) -> str:
    hidden = () if wanted.deviations else ("--no-deviations",)
    words = ["conformance", "fuzz", "--adapter", wanted.label, *wanted.settings.again(wanted.label)]
    words += ["--seed", str(wanted.seed), "--from", str(campaign.next), *hidden, "-o", str(wanted.output)]
    return visible(shlex.join(words))


def _as_text(campaign: Campaign, wanted: Wanted) -> str:
    from conformance.fuzz.writing import WARNING

    lines = []
    for _, path in campaign.findings:
        lines += [visible((path / "finding.txt").read_text(encoding="utf-8"), lines=True)]
    if any(finding.dangerous for finding, _ in campaign.findings):
        lines.append(WARNING + "\n")
    rate = campaign.judged / campaign.processor if campaign.processor else 0.0
    doubtful = f", {campaign.unconfirmed:,} not confirmed" if campaign.unconfirmed else ""
    others = {"refused": campaign.refused, "where rounding alone explains any answer": campaign.unjudgeable}
    not_judged = "".join(f", {count:,} {why}" for why, count in others.items() if count)
    lines.append(
        f"{counted(campaign.judged, 'case')} judged{not_judged}, {rate:,.0f} a second of processor time; "
        f"{campaign.known:,} wrong as known, {campaign.wrong:,} wrong otherwise{doubtful}, "
        f"{counted(len(campaign.findings), 'kind')} of it new"
        + (f"; written to {wanted.output}" if campaign.findings else "")
    )
    lines.append(f"next: {_go_on(campaign, wanted)}")
    return "\n".join(lines)
