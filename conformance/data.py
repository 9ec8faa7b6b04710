"""Where specs, vectors and deviations are: those of the checkout the package stands in, else those inside the wheel.

And what to call a file in a message.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class DataFolders:
    """The three folders a run reads."""

    specs: Path
    vectors: Path
    deviations: Path


def default_folders() -> DataFolders:
    """The folders that belong to this installation of the suite."""
    root = _root()
    return DataFolders(root / "specs", root / "vectors", root / "deviations")


def displayed(path: Path) -> str:
    """A path as messages name it: as the user would write it.

    Relative to the working directory where it lies below; else, and always within an installed package, relative to the
    suite if it is a file of the suite's own (`specs/holes.yaml`); else as it is.
    """
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
