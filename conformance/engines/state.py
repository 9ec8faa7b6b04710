"""Which engines are installed, and where: beside the suite, or in a place of their own in the user's data folder.

    engines/NAME/installed.json    says which environment is complete, and from what it was made
    engines/NAME/HEX/              that environment; any other is left over from an installation that was killed

A record is written when its environment is complete, so nothing is ever found half installed.
"""

from __future__ import annotations

import importlib.metadata
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from packaging.requirements import Requirement

from conformance.case.errors import AdapterUnavailable
from conformance.case.text import counted
from conformance.engines import requirements, table
from conformance.engines.table import Engine
from conformance.files import MEBIBYTE, FileError, parse_json, read_file

FOLDER_VARIABLE: Final = "CONFORMANCE_ENGINES"
"""The environment variable that names another folder of engines."""
RECORD: Final = "installed.json"


@dataclass(frozen=True)
class Installed:
    """What a record says.

    made_from: the engine's digest when it was installed. environment: the folder's name. interpreter: the file that is
    run by its Python in the end, links followed; empty for npm. seconds, mebibytes: what the installation took.
    """

    made_from: str
    environment: str
    interpreter: str
    seconds: float
    mebibytes: float


def folder() -> Path:
    """The folder of the engines that have a place of their own."""
    if given := os.environ.get(FOLDER_VARIABLE):
        return Path(given).absolute()
    import platformdirs

    return Path(platformdirs.user_data_dir("lstm-conformance", appauthor=False)) / "engines"


def is_here(engine: Engine) -> bool:
    """Whether this interpreter has the engine's packages; for npm, never."""
    if engine.home == "npm":
        return False
    needed = requirements.of_extra(engine.extra) if engine.home == "shared" else [Requirement(engine.pins[0])]
    return all(_has(requirement.name) for requirement in needed)


def installed(engine: Engine) -> Installed | None:
    """The record of an engine with a place of its own; None if there is none that can be read."""
    try:
        told = parse_json(read_file(folder() / engine.name / RECORD, MEBIBYTE))
        return Installed(**told)
    except (FileError, ValueError, TypeError):
        return None


def environment(engine: Engine, found: Installed) -> Path:
    """The folder of a complete environment."""
    return folder() / engine.name / found.environment


def interpreter(environment: Path) -> Path:
    """The Python of an environment."""
    return environment / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def missing(engine: Engine) -> str | None:
    """Why an engine cannot be used here, and what to do about it, in one line; None if it can."""
    if is_here(engine):
        return None
    found = None if engine.home == "shared" else installed(engine)
    if found is None or not environment(engine, found).is_dir():
        return f"not installed: {engine.command}"
    if found.made_from != engine.digest:
        return f"was installed for another version of lstm-conformance; install it again: {engine.command}"
    if engine.home == "own":
        python = interpreter(environment(engine, found))
        if not python.exists() or os.path.realpath(python) != found.interpreter:
            return f"its interpreter was made from {found.interpreter}, which is gone; make it again: {engine.command}"
    return None


def unusable() -> dict[str, str]:
    """Each adapter whose engine cannot be used here, and why."""
    problems = {engine: missing(engine) for engine in table.ENGINES}
    return {name: problem for engine, problem in problems.items() if problem for name in engine.adapters}


def said_absent() -> str:
    """In a line, how many engines cannot be used here; empty if all can."""
    number = sum(missing(engine) is not None for engine in table.ENGINES)
    return f"{counted(number, 'engine')}; see: conformance engines" if number else ""


def how_to_install(adapter: str) -> str:
    """What to add to the words of an adapter that does not load, if its engine is a shared one that is not here."""
    engine = table.engine_of(adapter)
    return f"; {missing(engine)}" if engine is not None and engine.home == "shared" and not is_here(engine) else ""


def not_here() -> list[str]:
    """The adapters of all engines whose packages this interpreter has not."""
    return [name for engine in table.ENGINES if not is_here(engine) for name in engine.adapters]


def elsewhere(adapter: str) -> Path | None:
    """The Python environment that an adapter's engine has for itself; None if it runs in this interpreter.

    Raises:
        AdapterUnavailable: the engine has to be installed first.
    """
    engine = table.engine_of(adapter)
    if engine is None or engine.home != "own" or is_here(engine):
        return None
    return home_of(engine, adapter)


def home_of(engine: Engine, adapter: str) -> Path:
    """The complete environment of an engine with a place of its own; for npm, the folder that has `node_modules`.

    Raises:
        AdapterUnavailable: the engine has to be installed first; names the adapter.
    """
    problem, found = missing(engine), installed(engine)
    if problem is not None or found is None:
        raise AdapterUnavailable(f"{adapter}: {problem or f'not installed: {engine.command}'}")
    return environment(engine, found)


def _has(distribution: str) -> bool:
    try:
        importlib.metadata.distribution(distribution)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True
