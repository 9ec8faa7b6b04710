"""`conformance new-adapter`: a vendor's package, working from the first minute."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from conformance.cli import options


@click.command("new-adapter")
@click.argument("name")
@click.option("--into", type=options.NEW_PATH, metavar="FOLDER", help="New or empty.  [default: NAME-conformance]")
def new_adapter(name: str, into: Path | None) -> None:
    """Write an installable package with an adapter NAME that works, for a stand-in of the engine.

    Exit code: 0, or 2 where the name or the folder is taken.
    """
    from conformance.vendor import scaffold

    names = scaffold.checked(name)
    folder = into or Path(names.fields["distribution"])
    for path in scaffold.write(names, folder):
        click.echo(f"  {path}")
    click.echo(
        f"\nThe adapter {name} works already, for a stand-in of the engine. Try it:\n\n"
        f"    cd {shlex.quote(str(folder))}\n"
        "    python -m pip install -e '.[test]'\n"
        f"    conformance smoke {name} --deviations deviations\n"
        f"    conformance run --adapter {name} --deviations deviations\n"
        "\nREADME.md there says what to replace, step by step."
    )
