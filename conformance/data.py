"""Finds specs, vectors and deviations: in the checkout that holds the package, or else inside the wheel.

Also says how messages name a file.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class DataFolders:
    """The three folders that a run reads."""

    specs: Path
    vectors: Path
    deviations: Path


def default_folders() -> DataFolders:
    """The folders that belong to this installation of the suite."""
    root = _root()
    return DataFolders(root / "specs", root / "vectors", root / "deviations")


def displayed(path: Path) -> str:
    """A path as messages show it: the way the user would write it.

    Relative to the working directory if it is below that; otherwise, and always in an installed package, relative to
    the suite if it is one of the suite's own files (`specs/holes.yaml`); otherwise unchanged. What the locale cannot
    decode is escaped.
    """
    return _displayed(path).encode(errors="backslashreplace").decode()


def _displayed(path: Path) -> str:
    root, full = _root(), path.resolve()
    below_here = os.path.relpath(path)
    outside = below_here.startswith("..")
    if full.is_relative_to(root) and (outside or root == _PACKAGED):
        return full.relative_to(root).as_posix()
    return str(path) if outside else below_here


_PACKAGE = Path(__file__).resolve().parent
_PACKAGED = _PACKAGE / "_data"


def _root() -> Path:
    checkout = _PACKAGE.parent
    return checkout if (checkout / "specs").is_dir() and (checkout / "pyproject.toml").exists() else _PACKAGED
