"""Writes a vendor's package from the templates beside this module (`string.Template`; `$$` is a dollar sign)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from string import Template

from conformance import __version__
from conformance.adapters import registry
from conformance.case.errors import ConformanceError
from conformance.files import replace_file

FILES = {
    "README.md": "README.md",
    "pyproject.toml": "pyproject.toml",
    "tox.ini": "tox.ini",
    "gitignore": ".gitignore",
    "workflow.yml": ".github/workflows/conformance.yml",
    "deviations.yaml": "deviations/$name.yaml",
    "init.py": "src/$package/__init__.py",
    "adapter.py": "src/$package/adapter.py",
    "stand_in.py": "src/$package/stand_in.py",
    "test_adapter.py": "tests/test_adapter.py",
}
"""Template -> its path in the folder of the package."""

_TEMPLATES = Path(__file__).parent / "templates"
_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


@dataclass(frozen=True)
class Names:
    """`my-npu`: the adapter; the distribution my-npu-conformance, the package my_npu_conformance, the class MyNpu."""

    name: str

    @property
    def fields(self) -> dict[str, str]:
        """The values of the templates' variables."""
        return {
            "name": self.name,
            "distribution": f"{self.name}-conformance",
            "package": f"{self.name.replace('-', '_')}_conformance",
            "class_name": "".join(part.capitalize() for part in self.name.split("-")),
            "suite": __version__,
        }


def checked(name: str) -> Names:
    """All names that derive from an adapter's name.

    Raises:
        ConformanceError: it is not a valid name, or such an adapter is installed.
    """
    if not _NAME.fullmatch(name):
        raise ConformanceError(
            f"{name!r} cannot be an adapter's name: use lower-case letters and digits, starting with a letter, and "
            "join words by single hyphens, as in my-npu"
        )
    if name in registry.names():
        raise ConformanceError(f"an adapter {name!r} is already installed here; choose another name")
    return Names(name)


def write(names: Names, folder: Path) -> list[Path]:
    """Write the package into a folder that is new or empty, and return the files in order.

    Raises:
        ConformanceError: the folder is a file, has something in it, or cannot be written.
    """
    try:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise ConformanceError(f"{folder} already exists and is not an empty folder; nothing was written")
        written = []
        for template, target in FILES.items():
            path = folder / Template(target).substitute(names.fields)
            replace_file(path, text(template, names))
            written.append(path)
    except OSError as error:
        raise ConformanceError(f"{error.filename or folder} cannot be written: {error.strerror}") from error
    return written


def text(template: str, names: Names) -> str:
    """A template with its variables filled in."""
    return Template((_TEMPLATES / f"{template}.tmpl").read_text(encoding="utf-8")).substitute(names.fields)
