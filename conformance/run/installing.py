"""Installs engines that have a place of their own: with pip into a Python environment, or with npm.

An environment is made beside the one in use, under a name of its own, because what pip installs does not survive being
moved; the record that names it is written last. So an installation that is interrupted, killed or out of disk leaves
what was there. conformance.engines.state reads the record.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import secrets
import shutil
import sys
import time
import venv
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Final

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from conformance.case.errors import ConformanceError
from conformance.engines import requirements, state
from conformance.engines.state import RECORD, Installed
from conformance.engines.table import Engine
from conformance.files import MEBIBYTE, parse_json, read_file, replace_file
from conformance.run.commands import completed, followed
from conformance.run.lent import program

if sys.platform != "win32":
    import fcntl

_FULL: Final = os.strerror(errno.ENOSPC)
_LAST_LINES: Final = 200
_WORKER: Final = "\nimport conformance.run.worker\n"
"""What every worker imports: with it an environment is tried before it is used."""
Say = Callable[[str], None]


def install(engine: Engine, say: Say) -> Installed | None:
    """Install an engine into its place of its own.

    Args:
        engine: not a shared one.
        say: called with what is being done, often.

    Returns:
        What was installed; None if it had been installed already.

    Raises:
        ConformanceError: it cannot be; in one line, with the end of what pip or npm said.
    """
    try:
        with _alone(engine, say) as lock:
            if state.missing(engine) is None:
                return None
            return _Installation(engine, say, lock).made()
    except OSError as error:
        why = _full(engine) if error.errno == errno.ENOSPC else str(error)
        raise ConformanceError(f"{engine.name} cannot be installed: {why}") from error


def remove(engine: Engine, say: Say) -> bool:
    """Remove an engine's place of its own, and what killed installations have left there. Whether there was any.

    Raises:
        ConformanceError: it cannot be removed.
    """
    place = state.folder() / engine.name
    if not place.exists():
        return False
    try:
        with _alone(engine, say):
            (place / RECORD).unlink(missing_ok=True)  # first: what is half removed is not installed
            shutil.rmtree(place)
    except OSError as error:
        raise ConformanceError(f"{engine.name} cannot be removed: {error}") from error
    return True


@dataclass(frozen=True)
class _Installation:
    """An installation under way. lock: the file that keeps others from installing."""

    engine: Engine
    say: Say
    lock: IO[str] | None

    def made(self) -> Installed:
        engine = self.engine
        place = state.folder() / engine.name
        place.mkdir(exist_ok=True)
        before = state.installed(engine)
        for left in place.iterdir():  # by an installation that was killed
            if before is None or left.name not in (before.environment, RECORD):
                shutil.rmtree(left) if left.is_dir() else left.unlink()
        if shutil.disk_usage(place).free < engine.mebibytes * MEBIBYTE:
            raise ConformanceError(f"{engine.name} cannot be installed: {_full(engine)}")
        began = time.monotonic()
        made = place / secrets.token_hex(4)
        made.mkdir()
        try:
            (self._with_npm if engine.home == "npm" else self._with_pip)(made)
            python = "" if engine.home == "npm" else os.path.realpath(state.interpreter(made))
            size = sum(path.lstat().st_size for path in made.rglob("*")) / MEBIBYTE
            seconds = time.monotonic() - began
            found = Installed(engine.digest, made.name, python, round(seconds, 1), round(size, 1))
            replace_file(place / RECORD, json.dumps(asdict(found)))
        except BaseException:
            shutil.rmtree(made, ignore_errors=True)
            raise
        if before is not None:
            shutil.rmtree(place / before.environment, ignore_errors=True)
        return found

    def _with_pip(self, folder: Path) -> None:
        self.say("making an environment")
        venv.create(folder, symlinks=os.name != "nt")
        python = state.interpreter(folder)
        # Without the user's constraints, which are about another environment. Temporary files go where they are
        # removed with everything else.
        environment = {name: value for name, value in os.environ.items() if name != "PIP_CONSTRAINT"}
        environment["TMPDIR"] = str(folder)
        pins = self.engine.pins
        pinned = {canonicalize_name(Requirement(line).name) for line in pins}
        beside = [requirements.bare(each) for each in requirements.own() if canonicalize_name(each.name) not in pinned]
        wanted = folder / "requirements.txt"
        wanted.write_text("\n".join([*pins, *beside, ""]), encoding="utf-8")
        module: list[str | Path] = [python, "-I", "-m"]
        pip = [*module, "pip", "--disable-pip-version-check", "--no-input", "install", "--progress-bar", "off"]
        self._run("pip", [*module, "ensurepip", "--default-pip"], environment)
        self._run("pip", [*pip, "-r", wanted], environment)
        tried = completed([python, "-I", "-c", program() + _WORKER])
        if tried.returncode != 0:
            last = (tried.stderr.strip().splitlines() or ["it said nothing"])[-1]
            raise ConformanceError(f"{self.engine.name} was installed, but a worker cannot start beside it: {last}")

    def _with_npm(self, folder: Path) -> None:
        npm = _npm(self.engine)
        for file in self.engine.files:
            shutil.copyfile(file, folder / file.name)
        # Without the scripts of packages, which fetch more than the lock file names: for other processors, say.
        words = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier"]
        self._run("npm", words, os.environ, folder)

    def _run(
        self, tool: str, words: Sequence[str | Path], environment: Mapping[str, str], folder: Path | None = None
    ) -> None:
        """Run a step. It keeps the lock, too, for it may outlive this process.

        Raises:
            ConformanceError: it fails.
        """
        lines: deque[str] = deque(maxlen=_LAST_LINES)

        def said(line: str) -> None:
            if line.strip():
                lines.append(line.strip())
                self.say(f"{tool}: {line.strip()}")

        kept = () if self.lock is None else (self.lock.fileno(),)
        code = followed(words, said, environment=environment, folder=folder, kept=kept)
        if code != 0:
            why = _full(self.engine) if any(_FULL in line or "ENOSPC" in line for line in lines) else _end(lines)
            raise ConformanceError(f"{self.engine.name} cannot be installed: {tool} ended with exit code {code}: {why}")


def _npm(engine: Engine) -> str:
    """The path of npm, if there is a Node.js as new as the engine's `package.json` wants.

    Raises:
        ConformanceError: there is not.
    """
    told = parse_json(read_file(engine.files[0], MEBIBYTE))
    wanted = SpecifierSet(told.get("engines", {}).get("node", ""))
    need = f"{engine.name} needs Node.js {wanted} with npm"
    node, npm = shutil.which("node"), shutil.which("npm")
    for name, path in (("node", node), ("npm", npm)):
        if path is None:
            raise ConformanceError(
                f"{need}; no {name} is on the PATH: install it from https://nodejs.org or the system"
            )
    version = completed([str(node), "--version"], seconds=60).stdout.strip().removeprefix("v")
    if not re.fullmatch(r"[\d.]+", version) or version not in wanted:
        raise ConformanceError(f"{need}; {node} is {version or 'of an unknown version'}: install a newer one")
    return str(npm)


def _end(lines: Sequence[str]) -> str:
    """The end of what pip or npm has said, as far as it says why."""
    error = re.compile(r"(?i)(npm )?(error|err!):? ?")
    errors = [error.sub("", line, count=1) for line in lines if error.match(line)]
    told = " ".join(errors[-2:]) or (lines[-1] if lines else "it said nothing")
    unreachable = any("Retrying (" in line or "ENOTFOUND" in line or "EAI_AGAIN" in line for line in lines)
    return f"{told} (the package index could not be reached)" if unreachable else told


def _full(engine: Engine) -> str:
    place = state.folder()
    free = shutil.disk_usage(place).free // MEBIBYTE
    return (
        f"the disk is too full: {place} has {free:,} MiB left, {engine.name} takes about {engine.mebibytes:,} MiB; "
        f"make room, or name another folder with --folder"
    )


@contextlib.contextmanager
def _alone(engine: Engine, say: Say) -> Iterator[IO[str] | None]:
    """One process at a time changes the folder of engines; a second one waits. On Windows, where it does not, None."""
    folder = state.folder()
    folder.mkdir(parents=True, exist_ok=True)
    if sys.platform == "win32":
        yield None
        return
    with (folder / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"another process is installing; {engine.name} waits for it to end")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield lock
