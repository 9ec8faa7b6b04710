"""`conformance doctor`: which adapters load here, and why the others do not."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import click

from conformance.case.text import counted
from conformance.cli import options

if TYPE_CHECKING:
    from conformance.run.settings import RunSettings


@click.command()
@click.option(
    "--adapter",
    "adapters",
    multiple=True,
    metavar="[PLACE:]NAME[@DEVICE]|FILE.py:CLASS|command:PATH",
    help="Adapter to load; repeatable.  [default: all]",
)
@options.worker
@options.harnesses
@options.load_timeout
@click.option("-j", "--jobs", type=click.IntRange(1), default=4, show_default=True,
              help="Adapters to load at a time.")  # fmt: skip
@click.option("-v", "--verbose", is_flag=True, help="Also print the settings that decide precision and kernels.")
@options.as_json
@options.settings
def doctor(
    adapters: tuple[str, ...],
    settings: RunSettings,
    jobs: int,
    verbose: bool,
    as_json: bool,
) -> None:
    """Print the versions and the device of every adapter, or why it cannot load, as each one answers.

    Exit code: 0, or 1 if an adapter given with --adapter cannot load.
    """
    from dataclasses import asdict

    from conformance.engines import state
    from conformance.run.places import everywhere
    from conformance.views.doctor import Diagnosis, examine

    found: list[dict[str, Any]] = []
    asked = list(dict.fromkeys(adapters)) or everywhere(settings.places)
    limit = f"each for at most {settings.load_timeout:g} s"
    with options.status(f"loading {counted(len(asked), 'adapter')}, {limit}", error=as_json) as status:

        def report(diagnosis: Diagnosis) -> None:
            found.append(asdict(diagnosis))
            versions = ", ".join(f"{package} {version}" for package, version in diagnosis.versions.items())
            lines = [f"{diagnosis.adapter:30} {diagnosis.problem or f'{versions} on {diagnosis.device}'}"]
            lines += [f"{'':30} {name} {value}" for name, value in diagnosis.settings.items()] if verbose else []
            if status is not None and not as_json:  # above the spinner
                status.console.print("\n".join(lines), markup=False, highlight=False, soft_wrap=True)
            elif not as_json:
                click.echo("\n".join(lines))

        examine(asked, settings, jobs=jobs, report=report, unusable={} if adapters else state.unusable())
    found.sort(key=lambda diagnosis: asked.index(diagnosis["adapter"]))
    if as_json:
        click.echo(json.dumps(found, indent=1))
    sys.exit(1 if adapters and any(diagnosis["problem"] for diagnosis in found) else 0)
