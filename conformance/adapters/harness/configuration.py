"""Named harnesses: `[tool.lstm-conformance.harness]` in the pyproject.toml of the current folder, and a YAML file.

Each line has a name and its command: `acme = "./acme-harness"`, or `acme = ["node", "acme.mjs"]`.
"""

from __future__ import annotations

import re
import shlex
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from conformance.case.errors import ConformanceError
from conformance.case.text import shortened
from conformance.files import MEBIBYTE, read_text

PYPROJECT: Final = Path("pyproject.toml")
TABLE: Final = "tool.lstm-conformance.harness"
_NAME: Final = re.compile(r"[\w.-]+", re.ASCII)
_file: Path | None = None


def use(file: Path | None) -> None:
    """Have the harnesses in a YAML file named as well, in this process; None: not any more."""
    global _file  # noqa: PLW0603  # as installed adapters are, the names are the same everywhere in a process
    _file = file


def used() -> Path | None:
    """The file of `use`."""
    return _file


def commands() -> dict[str, str]:
    """The command line of each name.

    Raises:
        ConformanceError: a file cannot be read, or holds something else.
    """
    found = dict(_of_pyproject(*_state(PYPROJECT))) if PYPROJECT.is_file() else {}
    return found | (dict(_of_yaml(*_state(_file))) if _file is not None else {})


def option_for(name: str) -> tuple[str, ...]:
    """The option of `conformance run` that makes this name known; none if none is needed."""
    return ("--harnesses", str(_file)) if _file is not None and name in _of_yaml(*_state(_file)) else ()


def _state(path: Path) -> tuple[Path, int]:
    """A file as it is now."""
    whole = path.absolute()
    return whole, whole.stat().st_mtime_ns if whole.is_file() else 0


@lru_cache(maxsize=8)
def _of_pyproject(path: Path, changed: int) -> dict[str, str]:
    import tomllib

    text = read_text(path, MEBIBYTE)
    if "lstm-conformance" not in text:
        return {}
    try:
        told: Any = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConformanceError(f"{path}: {error}") from error
    *above, last = TABLE.split(".")
    for key in above:
        told = told.get(key, {}) if isinstance(told, dict) else {}
    if isinstance(told, dict) and (others := [key for key in told if key != last]):
        raise ConformanceError(
            f"{path}: there is no [{'.'.join(above)}.{shortened(others[0])}]; it is called [{TABLE}]"
        )
    told = told.get(last, {}) if isinstance(told, dict) else {}
    return _checked(told, f"{path}: [{TABLE}]", 'acme = "./acme-harness"')


@lru_cache(maxsize=8)
def _of_yaml(path: Path, changed: int) -> dict[str, str]:
    from conformance.case.yaml_lines import parse_file

    return _checked(parse_file(path, str(path)), str(path), "acme: ./acme-harness")


def _checked(told: Any, where: str, example: str) -> dict[str, str]:
    if not isinstance(told, dict):
        raise ConformanceError(f"{where}: needs lines that give each name its command, like {example}")
    found = {}
    for name, command in told.items():
        if not isinstance(name, str) or _NAME.fullmatch(name) is None:
            raise ConformanceError(f"{where}: {shortened(repr(name))} is no name; use letters, digits, -, _ and .")
        words = list(command) if isinstance(command, (list, tuple)) else command
        if isinstance(words, list) and words and all(isinstance(word, str) for word in words):
            found[name] = shlex.join(words)
        elif isinstance(words, str) and words.strip():
            found[name] = words
        else:
            raise ConformanceError(f"{where}: {name} must be a command line, or a list of its words")
    return found
