"""`conformance new-adapter`: writes a vendor's package that works from the start."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from conformance.cli import options


@click.command("new-adapter")
@click.argument("name")
@click.option(
    "--into",
    type=options.NEW_PATH,
    metavar="FOLDER",
    help="Folder to write, new or empty.  [default: NAME-conformance]",
)
def new_adapter(name: str, into: Path | None) -> None:
    """Write an installable package with an adapter NAME, which works at once with a stand-in for the engine.

    Exit code: 0, or 2 if the name or the folder is taken.
    """
    from conformance.vendor import scaffold

    names = scaffold.checked(name)
    folder = into or Path(names.fields["distribution"])
    for path in scaffold.write(names, folder):
        click.echo(f"  {path}")
    click.echo(
        f"\nThe adapter {name} already works, with a stand-in for the engine. Try it:\n\n"
        f"    cd {shlex.quote(str(folder))}\n"
        "    python -m pip install -e '.[test]'\n"
        f"    conformance smoke {name} --deviations deviations\n"
        f"    conformance run --adapter {name} --deviations deviations\n"
        "\nIts README.md says what to replace, step by step."
    )
