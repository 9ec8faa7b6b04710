"""Shared by the tests of files: a full disk, the commands that write a file, and what they say if they cannot."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from command_line import conformance

resource = pytest.importorskip("resource")


def refusal(*arguments: Any) -> str:
    """What a command says that cannot write: one line, exit code 2, no traceback."""
    done = conformance(*arguments)
    assert done.exit_code == 2, done.output
    assert isinstance(done.exception, SystemExit)
    assert done.stderr.count("\n") == 1
    return done.stderr


def names(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


@contextlib.contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """No file may grow beyond so many bytes: a disk that is full, for the processes that are started too."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


WRITERS: dict[str, Callable[[Path, Path | str], list[Any]]] = {
    "merge": lambda whole, new: ["merge", whole, "-o", new],
    "baseline": lambda whole, new: ["baseline", whole, "-o", new],
    "html": lambda whole, new: ["report", whole, "-o", new],
    "summary": lambda whole, new: ["report", whole, "--format", "markdown", "-o", new],
    "junit": lambda whole, new: ["report", whole, "--format", "junit", "-o", new],
    "badge": lambda whole, new: ["report", whole, "--format", "badge", "-o", new],
    "gate-summary": lambda whole, new: ["gate", whole, whole, "--markdown", new],
    "gate-junit": lambda whole, new: ["gate", whole, whole, "--junit", new],
}
"""Commands that write a file from results."""


def crossed(kinds: Mapping[str, tuple[Any, ...]], commands: Mapping[str, Any]) -> list[Any]:
    """Each kind of trouble with each command, as parameters; a plain test run takes one command for each kind."""
    return [
        pytest.param(*kind, command, id=f"{name}-{by}", marks=[] if n % len(commands) == m else [pytest.mark.slow])
        for n, (name, kind) in enumerate(kinds.items())
        for m, (by, command) in enumerate(commands.items())
    ]
