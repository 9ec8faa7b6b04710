"""Temporary virtual environments that hold some packages and this suite."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import sys
import venv
from collections.abc import Iterable, Sequence
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename
from packaging.version import InvalidVersion, Version

import conformance
from conformance.case.errors import ConformanceError
from conformance.engines.requirements import DISTRIBUTION, bare, extras, of_extra, own
from conformance.files import MEBIBYTE, FileError, read_text
from conformance.run.commands import completed

PIP_FOR_OTHERS = Version("22.3")
"""The first pip that installs into another interpreter's environment (--python)."""
_CALLERS = ("PIP_CONSTRAINT", "PYTHONPATH", "PYTHONHOME")
_SITE = "import sysconfig; print(sysconfig.get_path('purelib'))"


class Environment:
    """A virtual environment in a folder, with this copy of the suite and packages that pip installs.

    Args:
        folder: created.
        packages: the requirements it is made for.
        beside: further requirements.
        constraints: files for pip's -c; ignored for packages whose requirement states a version.
        own_pip: for whoever goes on working in it; otherwise that of this interpreter is used if it has one, as a copy
            takes seconds to make.

    Raises:
        ConformanceError: it cannot be made, or pip cannot install them; with their output.
    """

    def __init__(
        self,
        folder: Path,
        packages: Sequence[str],
        beside: Sequence[str] = (),
        constraints: Iterable[Path] = (),
        *,
        own_pip: bool = False,
    ) -> None:
        self._folder = folder
        self.python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
        requirements = [*map(bare, own()), *packages, *beside]
        try:
            venv.create(folder, symlinks=os.name != "nt")
            pip = None if own_pip else _pip_for(self.python)
            if pip is None:
                pip = [self.python, "-I", "-m", "pip"]
                self._run("the environment cannot have pip", [self.python, "-I", "-m", "ensurepip", "--default-pip"])
            _put_suite_into(self.python)
            held = _constraints(folder / "constraints.txt", packages, constraints)
        except (OSError, shutil.Error) as error:  # a full disk, a place that cannot be written
            raise ConformanceError(f"{folder}: the environment cannot be made: {error}") from error
        # Compiled is what is imported, when it is: most of a framework never is.
        options = ("--quiet", "--disable-pip-version-check", "--no-compile", "-c", str(held))
        self._run(f"pip cannot install {' '.join(requirements)}", [*pip, "install", *options, *requirements])

    def _run(self, failure: str, words: Sequence[str | Path]) -> None:
        # Without the caller's constraints, which may pin the package that should change, and packages, which pip would
        # take for installed. Temporary files are kept where they are removed with everything else, because an interrupt
        # may leave them.
        environment = {name: value for name, value in os.environ.items() if name not in _CALLERS}
        done = completed(words, environment=environment | {"TMPDIR": str(self._folder)})
        if done.returncode != 0:
            said = "\n".join(line for line in done.stderr.splitlines() if not line.startswith("WARNING"))
            raise ConformanceError(f"{failure}:\n{said}")


def parsed(text: str) -> list[Requirement]:
    """The requirements of one argument, `'keras==3.8.0 torch==2.13.0'` or `dist/acme-2.0-py3-none-any.whl`.

    Raises:
        ConformanceError: it is not a requirement.
    """
    try:
        found = [_wheel(word) if word.endswith(".whl") else Requirement(word) for word in text.split()]
    except InvalidRequirement as error:
        raise ConformanceError(f"{text!r} is not a requirement like 'torch==2.13.0': {error}") from error
    if not found:
        raise ConformanceError("an empty requirement; needs one like 'torch==2.13.0'")
    return found


def _wheel(file: str) -> Requirement:
    try:
        name, *_ = parse_wheel_filename(Path(file).name)
    except InvalidWheelFilename as error:
        raise ConformanceError(str(error)) from error
    if not Path(file).is_file():
        raise ConformanceError(f"there is no wheel {file}")
    return Requirement(f"{name} @ {Path(file).resolve().as_uri()}")


def companions(package: str) -> list[str]:
    """What the adapters of a package need besides it: the suite's smallest extra that has the package."""
    name = canonicalize_name(package)
    fitting = [found for found in map(of_extra, extras()) if name in {canonicalize_name(r.name) for r in found}]
    smallest: list[Requirement] = min(fitting, key=len, default=[])
    return [bare(requirement) for requirement in smallest if canonicalize_name(requirement.name) != name]


def _pip_for(python: Path) -> list[str | Path] | None:
    """This interpreter's pip, as a command for the environment of another; None if it has none that can do that."""
    try:
        found = Version(importlib.metadata.version("pip"))
    except (importlib.metadata.PackageNotFoundError, InvalidVersion):
        return None
    return [sys.executable, "-P", "-m", "pip", "--python", python] if found >= PIP_FOR_OTHERS else None


def _put_suite_into(python: Path) -> None:
    """Copy the suite's code and metadata: an index may not have this state of it, and it is pure Python."""
    said = completed([python, "-c", _SITE])
    if said.returncode != 0:
        raise ConformanceError(f"the environment does not say where its packages are:\n{said.stderr}")
    site = Path(said.stdout.strip())
    package = Path(conformance.__file__).parent
    # Golden vectors stay with the judging process.
    shutil.copytree(package, site / package.name, ignore=shutil.ignore_patterns("__pycache__", "_data"))
    metadata = importlib.metadata.distribution(DISTRIBUTION)
    info = site / f"{DISTRIBUTION.replace('-', '_')}-{metadata.version}.dist-info"
    info.mkdir()
    for name in ("METADATA", "entry_points.txt"):
        (info / name).write_text(metadata.read_text(name) or "", encoding="utf-8")
    (info / "INSTALLER").write_text("conformance\n")


def _constraints(path: Path, packages: Sequence[str], files: Iterable[Path]) -> Path:
    """One file of all constraints, except those on packages whose requirement states a version."""
    asked = map(Requirement, packages)
    free = {canonicalize_name(package.name) for package in asked if package.specifier or package.url}
    given = [*files, *map(Path, os.environ.get("PIP_CONSTRAINT", "").split())]
    lines = [line for file in given for line in _read(file)]
    path.write_text("".join(f"{line}\n" for line in lines if _name(line) not in free), encoding="utf-8")
    return path


def _read(file: Path) -> list[str]:
    try:
        return read_text(file, MEBIBYTE).splitlines()
    except FileError as error:
        raise ConformanceError(f"constraints {error}") from error


def _name(line: str) -> str | None:
    try:
        return canonicalize_name(Requirement(line.partition("#")[0].strip()).name)
    except InvalidRequirement:
        return None
