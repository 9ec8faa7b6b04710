"""`conformance doctor`: what loads here, and why what does not."""

from __future__ import annotations

import json
import sys

import click

from conformance.cli import options


@click.command()
@click.option(
    "--adapter", "adapters", multiple=True, metavar="[PLACE:]NAME[@DEVICE]", help="Repeatable.  [default: all]"
)
@options.worker
@click.option("-v", "--verbose", is_flag=True, help="Print what decides about precision and kernels too.")
@options.as_json
def doctor(adapters: tuple[str, ...], workers: tuple[str, ...], verbose: bool, as_json: bool) -> None:
    """Say of every adapter which versions and device it has, or why it cannot load.

    Exit code: 1 if an adapter asked for by name cannot load.
    """
    from dataclasses import asdict

    from conformance.faces.doctor import examine
    from conformance.run.places import everywhere, parse_places

    found = []
    places = parse_places(workers)
    for diagnosis in examine(list(adapters) or everywhere(places), places):
        found.append(asdict(diagnosis))
        if not as_json:
            versions = ", ".join(f"{package} {version}" for package, version in diagnosis.versions.items())
            click.echo(f"{diagnosis.adapter:30} {diagnosis.problem or f'{versions} on {diagnosis.device}'}")
            for name, value in diagnosis.settings.items() if verbose else ():
                click.echo(f"{'':30} {name} {value}")
    if as_json:
        click.echo(json.dumps(found, indent=1))
    sys.exit(1 if adapters and any(diagnosis["problem"] for diagnosis in found) else 0)
