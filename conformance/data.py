"""Where specs, vectors and deviations are: those of the checkout the package stands in, else those inside the wheel."""

from __future__ import annotations

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
    package = Path(__file__).resolve().parent
    checkout = package.parent
    root = checkout if (checkout / "specs").is_dir() and (checkout / "pyproject.toml").exists() else package / "_data"
    return DataFolders(root / "specs", root / "vectors", root / "deviations")
