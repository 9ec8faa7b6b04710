"""The command of a harness, as a label has it: a file, or a command line as for a shell."""

from __future__ import annotations

import hashlib
import shlex
from pathlib import Path

from conformance.case.errors import AdapterUnavailable


def words_of(text: str) -> list[str]:
    """The words of a command.

    Raises:
        AdapterUnavailable: quotes that do not close, or nothing.
    """
    if Path(text).is_file():
        return [str(Path(text).absolute())]
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise AdapterUnavailable(f"command:{text}: {error}") from error
    if not words:
        raise AdapterUnavailable("command: needs the path of a harness, as in command:./harness")
    return words


def name_of(text: str) -> str:
    """What known deviations are looked up by: a file's name without its ending, that of a command line's last word."""
    words = [text] if Path(text).is_file() else text.split()
    named = [word for word in words if not word.startswith("-")] or [text]
    return Path(named[-1]).stem


def digests(text: str) -> dict[str, str]:
    """Which text of each file that a command names is run, as settings."""
    found = {}
    for word in words_of(text):
        if Path(word).is_file():
            with Path(word).open("rb") as file:
                found[f"sha256 of {Path(word).name}"] = hashlib.file_digest(file, "sha256").hexdigest()[:16]
    return found
