"""`conformance engines`: the engines beyond the first frameworks, and their installation."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from conformance.case.errors import ConformanceError
from conformance.cli import options

if TYPE_CHECKING:
    from conformance.engines.table import Engine

_COLUMNS = "{:24} {:14} {:>6}  {}"


@click.group(invoke_without_command=True)
@click.option(
    "--folder",
    type=options.NEW_FOLDER,
    help="Folder of the engines that have a place of their own; also the variable CONFORMANCE_ENGINES, which the other "
    "commands read.  [default: in the user's data folder]",
)
@click.pass_context
def engines(context: click.Context, folder: Path | None) -> None:
    """List, install or remove engines beyond the first frameworks."""
    from conformance.engines.state import FOLDER_VARIABLE

    if folder is not None:
        os.environ[FOLDER_VARIABLE] = str(folder.absolute())
    if context.invoked_subcommand is None:
        context.invoke(list_engines)


@engines.command("list")
@options.as_json
def list_engines(as_json: bool = False) -> None:
    """Print every engine: whether it is here, what it takes on a disk, and its adapters or how to install it."""
    from conformance.engines import state, table

    every = [(engine, state.missing(engine)) for engine in table.ENGINES]
    if as_json:
        click.echo(json.dumps([_told(engine, problem) for engine, problem in every], indent=1))
        return
    click.echo(_COLUMNS.format("engine", "", "MiB", "adapters"))
    for engine, problem in every:
        here = "not installed" if problem else "installed"
        click.echo(_COLUMNS.format(engine.name, here, f"{engine.mebibytes:,}", ", ".join(engine.adapters)))
        if problem is not None:
            click.echo(_COLUMNS.format("", "", "", problem.removeprefix("not installed: ")))
    installed = sum(problem is None for _, problem in every)
    click.echo(f"{installed} of {len(every)} engines are installed; in places of their own: {state.folder()}")


def _told(engine: Engine, problem: str | None) -> dict[str, Any]:
    from conformance.engines import state

    found = state.installed(engine) if engine.home != "shared" and problem is None else None
    return {
        "engine": engine.name,
        "adapters": engine.adapters,
        "home": engine.home,
        "mebibytes": engine.mebibytes,
        "problem": problem,
        "environment": str(state.environment(engine, found)) if found else None,
    }


@engines.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
def install(names: tuple[str, ...]) -> None:
    """Install engines that have a place of their own, each into an environment in the user's data folder.

    Exit code: 0, or 2 if one cannot be installed.
    """
    from conformance.engines.table import engines_named
    from conformance.run import installing

    chosen = engines_named(names)
    _demand_places_of_their_own(chosen)
    for engine in chosen:
        with _shown(engine) as say:
            made = installing.install(engine, say)
        if made is None:
            click.echo(f"{engine.name} is installed already")
        else:
            click.echo(f"{engine.name} is installed: {made.mebibytes:,.0f} MiB in {made.seconds:.0f} s")


@engines.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
def remove(names: tuple[str, ...]) -> None:
    """Remove the environments of engines that have a place of their own."""
    from conformance.engines.table import engines_named
    from conformance.run import installing

    chosen = engines_named(names)
    _demand_places_of_their_own(chosen)
    for engine in chosen:
        with _shown(engine) as say:
            there_was = installing.remove(engine, say)
        click.echo(f"{engine.name} {'is removed' if there_was else 'was not installed'}")


def _demand_places_of_their_own(chosen: list[Engine]) -> None:
    """Raises ConformanceError for an engine that shares this environment, which is the user's to change."""
    for engine in chosen:
        if engine.home == "shared":
            raise ConformanceError(
                f"{engine.name} shares the environment of lstm-conformance, where pip installs and removes it: "
                f"{engine.command}"
            )


@contextlib.contextmanager
def _shown(engine: Engine) -> Iterator[Callable[[str], None]]:
    """Shows what is being done: on a terminal the latest of it, in a log what takes long."""
    if sys.stderr.isatty():
        from rich.text import Text

        with options.console(error=True).status(Text(engine.name)) as status:
            yield lambda text: status.update(Text(f"{engine.name}: {text}"))
        return
    lasting = ("making ", "another ", "pip: Installing collected ", "pip: Downloading ")

    def say(text: str) -> None:
        if text.startswith(lasting):
            click.echo(f"{engine.name}: {text[:150]}", err=True)

    yield say
