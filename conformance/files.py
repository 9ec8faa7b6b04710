"""Reads and writes files for all commands: bounded in size, never half written, one writer at a time.

Reading: devices, pipes, sockets and files over the limit are refused before they are opened or read.
Writing: a temporary file next to the target is written and then renamed, so that a full disk, a kill or a power cut
leaves the old content. Links are followed, and stay.
"""

from __future__ import annotations

import contextlib
import errno
import json
import math
import os
import secrets
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Final, NoReturn, Self

from conformance.case.errors import ConformanceError

if sys.platform != "win32":
    import fcntl

MEBIBYTE: Final = 2**20
DEEPEST: Final = 32
"""Most levels of nested lists and objects in JSON; the files of the suite have fewer than ten."""
TEMPORARY: Final = ".*.conformance-tmp"
"""A pattern for the temporary files; a killed process leaves the one that it was writing."""
_KINDS: Final[tuple[tuple[Callable[[int], bool], str], ...]] = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (lambda mode: True, "a device"),
)
_NO_LOCKS: Final = (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP)
"""The errors of file systems that cannot lock."""


class FileError(ConformanceError):
    """A file cannot be read or written. problem: why, without the file's name."""

    def __init__(self, path: Path, doing: str, problem: str) -> None:
        super().__init__(f"{path}: cannot be {doing}: {problem}")
        self.problem = problem


class _Refused(ValueError):
    """The system would allow this, but this module refuses it."""


def read_file(path: Path, most: int) -> bytes:
    """The content of a regular file.

    Args:
        path: a link is followed.
        most: the largest size in bytes; nothing of a larger file is read.

    Raises:
        FileError: it is missing, not a regular file, too large, or the system refuses.
    """
    try:
        _demand_regular(path.stat())  # before opening: to open a device may have effects, and to open a pipe waits
        # Without waiting nevertheless, because the file may have been replaced since.
        with open(path, "rb", opener=_without_waiting) as file:
            found = os.fstat(file.fileno())
            _demand_regular(found)
            if found.st_size <= most:
                data = file.read(found.st_size + 1)
                if len(data) > found.st_size:  # it grows, or is in /proc, where files claim to be empty
                    data += file.read(most + 1 - len(data))
                if len(data) <= most:
                    return data
            raise _Refused(f"it is larger than {most / MEBIBYTE:.3g} MiB, the limit for such a file")
    except (OSError, ValueError) as error:
        raise FileError(path, "read", _why(error)) from error


def read_text(path: Path, most: int) -> str:
    """The content of a regular file as UTF-8 text.

    Raises:
        FileError: as for `read_file`, or it is not UTF-8.
    """
    data = read_file(path, most)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise FileError(
            path, "read", f"it is not UTF-8 text (byte {error.start} is 0x{data[error.start]:02x})"
        ) from error


def parse_json(text: bytes) -> Any:
    """Parses JSON as the standard defines it (UTF-8, finite numbers), with bounded nesting.

    Raises:
        ValueError: it is not such JSON.
    """
    too_deep = f"nested more than {DEEPEST} deep"
    try:
        value = json.loads(text.decode("utf-8"), parse_constant=_not_a_number, parse_float=_finite)
    except RecursionError:
        raise ValueError(too_deep) from None
    level, depth = [value], 0
    while level:
        if depth > DEEPEST:
            raise ValueError(too_deep)
        inner = [each.values() if isinstance(each, dict) else each for each in level if isinstance(each, (dict, list))]
        level, depth = [each for several in inner for each in several], depth + 1
    return value


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Reports errors inside this context as errors of the file that the user named, not of a temporary one.

    Raises:
        FileError: in place of the system's error.
    """
    try:
        yield
    except (OSError, ValueError) as error:
        raise FileError(path, "written", _why(error)) from error


def replace_file(path: Path, content: bytes | str) -> None:
    """Write a file, whole or not at all; the old content stays until the new one is complete. Text is UTF-8.

    Raises:
        FileError: it cannot be written, the target exists and is not a regular file, or another process has a `Claim`.
    """
    with writing(path):
        _demand_unclaimed(path)
    replace_claimed_file(path, content)


def replace_claimed_file(path: Path, content: bytes | str) -> None:
    """The same for a file of which this process has the `Claim`. Raises FileError as above."""
    with writing(path):
        data = content.encode("utf-8") if isinstance(content, str) else content
        target = destination(path)
        temporary, descriptor = _temporary(target)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())  # else a power cut may leave the new name without its content
            if target.exists():
                temporary.chmod(stat.S_IMODE(target.stat().st_mode))
            temporary.replace(target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


def demand_writable(folder: Path) -> None:
    """Make a folder and check that files can be written there, before work is done that would be lost.

    Raises:
        FileError: they cannot.
    """
    with writing(folder):
        temporary, descriptor = _temporary(destination(folder / "x"))
        os.close(descriptor)
        temporary.unlink()


def destination(path: Path) -> Path:
    """The path to which a file of this name is written, links followed. Makes its folder.

    Raises:
        OSError, ValueError: it cannot be written, or the target exists and is not a regular file.
    """
    with contextlib.suppress(FileNotFoundError):
        _demand_regular(path.stat())
        if not os.access(path, os.W_OK):  # renaming would not check
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    target = Path(os.path.realpath(path)) if path.is_symlink() else path
    target.parent.mkdir(parents=True, exist_ok=True)
    return target


class Claim:
    """The right to write a file, held by one process at a time; it ends with the process, even if that is killed.

    The lock is on the file itself, so no lock file is left. The file is created if it does not exist, and removed again
    if nothing was written. On Windows, and on file systems without locks, every process gets the right.

    Args:
        path: of the file.
        wait: whether to wait for a process that has the right, instead of raising.

    Attributes:
        path: of the file, links followed.
        empty: whether the file was missing or empty.

    Raises:
        FileError: another process is writing the file, or it cannot be written.
    """

    def __init__(self, path: Path, *, wait: bool = False) -> None:
        with writing(path):
            self.path = destination(path)
            while True:
                self._descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o666)
                try:
                    _lock(self._descriptor, fcntl.LOCK_EX if sys.platform != "win32" else 0, wait=wait)
                    if self._holds():  # otherwise its last writer has just replaced it
                        break
                except BaseException:
                    os.close(self._descriptor)
                    raise
                os.close(self._descriptor)
        self.empty = os.fstat(self._descriptor).st_size == 0
        if sys.platform == "win32":  # where an open file cannot be replaced
            os.close(self._descriptor)

    def _holds(self) -> bool:
        with contextlib.suppress(FileNotFoundError):
            return os.path.samestat(os.fstat(self._descriptor), self.path.stat())
        return False

    def release(self) -> None:
        """Give the right back."""
        if sys.platform == "win32":
            return
        if self.empty and self._holds() and self.path.stat().st_size == 0:
            self.path.unlink()
        os.close(self._descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.release()


def _lock(descriptor: int, kind: int, *, wait: bool = False) -> None:
    if sys.platform != "win32":
        try:
            fcntl.flock(descriptor, kind if wait else kind | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise _Refused("another process is writing it; wait until that ends, or name another file") from error
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise


def _demand_unclaimed(path: Path) -> None:
    """Raises OSError if a process has a `Claim` on the file. The lock is a shared one, so two such checks agree."""
    if sys.platform != "win32" and path.is_file():
        with path.open("rb") as file:
            _lock(file.fileno(), fcntl.LOCK_SH)


def _temporary(target: Path) -> tuple[Path, int]:
    """A new file next to the target, with the permissions of any new file, open for writing."""
    path = target.with_name(f".{target.name[:40]}.{secrets.token_hex(4)}{TEMPORARY.rpartition('*')[2]}")
    return path, os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _demand_regular(found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        kind = next(words for is_one, words in _KINDS if is_one(found.st_mode))
        raise _Refused(f"it is {kind}, not a regular file")


def _why(error: OSError | ValueError) -> str:
    return (isinstance(error, OSError) and error.strerror) or str(error)


def _finite(text: str) -> float:
    value = float(text)
    return value if math.isfinite(value) else _not_a_number(text)


def _not_a_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is not a finite number")
