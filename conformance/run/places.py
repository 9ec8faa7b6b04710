"""Places where workers run: this interpreter, another one on this machine, or one on a host reached by ssh.

An engine that has a Python environment of its own has a place of its own without a name.

    old=python=/opt/torch-2.5/bin/python
    board=ssh=root@10.0.0.7//python=/opt/venv/bin/python

What follows the first `=` is an execnet gateway spec. A place needs the same version of lstm-conformance as this one,
and the framework that it should run.
"""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import execnet

from conformance import __version__
from conformance.adapters import registry
from conformance.case.errors import AdapterUnavailable, ConformanceError
from conformance.engines import state
from conformance.run.commands import completed

_FORM = (
    "needs PLACE=python=INTERPRETER or PLACE=ssh=HOST, like old=python=/opt/old/bin/python or board=ssh=root@10.0.0.7"
)
_KEYS = ("python", "ssh", "ssh_config")
# Nobody is there to type a password or accept a host key, and a board may lose power.
_SSH = "-o BatchMode=yes -o ConnectTimeout=30 -o ServerAliveInterval=15"
_VISIT_SECONDS = 120.0
# An interpreter also finds modules in the current folder, which says nothing about what is installed.
_INSTALLED_ONLY = "import sys\nsys.path[:] = filter(None, sys.path)\n"
_VISIT = (
    _INSTALLED_ONLY
    + """
import json
try:
    import conformance
except ModuleNotFoundError:
    told = {}
else:
    told = {"version": conformance.__version__}
    if told["version"] == sys.argv[1]:
        from conformance.adapters import registry
        from conformance.engines import state
        told["adapters"] = registry.names()
        told["absent"] = state.not_here()
print("\\n" + json.dumps(told))
"""
)


@dataclass(frozen=True)
class Place:
    """Where a worker runs.

    name: the part of a label before the colon. python: command of the interpreter, quoted as for a shell; empty for
    this one. ssh: host, as for the ssh command. ssh_config: a file for its option -F. option: the command-line words
    that define this place. lent: whether it has no lstm-conformance of its own and uses this one.
    """

    name: str = ""
    python: str = ""
    ssh: str = ""
    ssh_config: str = ""
    option: tuple[str, ...] = field(default=(), compare=False)
    lent: bool = False

    @property
    def gateway(self) -> str:
        """The execnet spec."""
        if not self.ssh:
            return f"popen//python={self.python}" if self.python else "popen"
        config = f"//ssh_config={self.ssh_config}" if self.ssh_config else ""
        return f"ssh=-q {_SSH} {self.ssh}//python={self.python}{config}"

    @property
    def preamble(self) -> str:
        """The beginning of a worker's program."""
        if self.lent:
            from conformance.run.lent import program

            return _INSTALLED_ONLY + program()
        return _INSTALLED_ONLY if self.python else ""

    @property
    def adapters(self) -> list[str]:
        """The names of the adapters that its lstm-conformance and other packages have, loadable or not.

        Starts a process; for a host, connects each time.

        Raises:
            AdapterUnavailable: the place cannot be reached, or does not have this version of lstm-conformance.
        """
        if self.ssh:
            return self._visit()[0]  # it may have gone, and this says why better than execnet does
        return self._there[0] if self.python and not self.lent else registry.names()

    @property
    def installed(self) -> list[str]:
        """Those of `adapters` whose engine, if they are one's, is installed there. Raises as that does."""
        names, absent = self._visit() if self.ssh else self._there
        return [name for name in names if name not in absent]

    @cached_property
    def _there(self) -> tuple[list[str], list[str]]:
        return self._visit()

    def call(self, program: str, *arguments: str, seconds: float) -> subprocess.CompletedProcess[str]:
        """Run a small Python program to its end there.

        Raises:
            OSError, subprocess.TimeoutExpired: it cannot be started, or does not end in time.
        """
        words = [*shlex.split(self.python), "-c", program, *arguments]
        if self.ssh:
            config = ["-F", self.ssh_config] if self.ssh_config else []
            words = ["ssh", *config, *_SSH.split(), *self.ssh.split(), shlex.join(words)]
        return completed(words, seconds=seconds)

    def _visit(self) -> tuple[list[str], list[str]]:
        """The names of all adapters, and of those whose engine is not installed."""
        where = f"{shlex.join(('ssh', self.ssh))} {self.python}" if self.ssh else self.python
        try:
            done = self.call(_VISIT, __version__, seconds=_VISIT_SECONDS)
            told = json.loads(done.stdout.splitlines()[-1])
        except subprocess.TimeoutExpired as error:
            raise AdapterUnavailable(f"{self.name}: {where} gave no answer within {_VISIT_SECONDS:g} s") from error
        except OSError as error:
            raise AdapterUnavailable(f"{self.name}: cannot start {error.filename}: {error.strerror}") from error
        except (IndexError, ValueError) as error:
            said = done.stderr.strip() or f"exit code {done.returncode}"
            raise AdapterUnavailable(f"{self.name}: {where} does not answer: {said}") from error
        if told.get("version") != __version__:
            there = f"lstm-conformance {told['version']}" if told else "no lstm-conformance"
            raise AdapterUnavailable(
                f"{self.name}: has {there}, needs {__version__} like this interpreter; install it with:\n"
                f"  {where} -m pip install lstm-conformance=={__version__}"
            )
        return told["adapters"], told["absent"]


HERE = Place()


def parse_places(texts: Iterable[str], option: str = "--worker") -> dict[str, Place]:
    """The places of an option that may be given several times, by name. option: what the user knows it as.

    Raises:
        ConformanceError: one has the wrong form, or a name is given twice.
    """
    places: dict[str, Place] = {}
    for text in texts:
        place = _parsed(text, option)
        if place.name in places:
            raise ConformanceError(f"{option} {text}: there is already a place called {place.name}")
        places[place.name] = place
    return places


def demand_used(places: Iterable[str], labels: Iterable[str]) -> None:
    """Raises ConformanceError if no adapter is to run at one of the places."""
    if idle := set(places) - {registry.parse(label).place for label in labels}:
        raise ConformanceError(f"nothing is to run at the place {min(idle)}: no adapter is called {min(idle)}:NAME")


def everywhere(places: Mapping[str, Place], absent: Iterable[str] = ()) -> list[str]:
    """The labels of all adapters here, and of those at the places whose engine is installed there.

    Args:
        places: other places.
        absent: the adapters here to leave out.

    Raises:
        AdapterUnavailable: a place cannot be used.
    """
    here = [name for name in registry.available() if name not in set(absent)]
    return [*here, *(f"{place.name}:{name}" for place in places.values() for name in place.installed)]


def place_of(label: registry.Label, places: Mapping[str, Place], option: str = "--worker") -> Place:
    """The place that a label names; that of its engine, if it names none. option: what adds one, for the message.

    Raises:
        AdapterUnavailable: there is no place of that name, or the engine has to be installed first.
    """
    if not label.place:
        own = state.elsewhere(label.name) if label.installed else None
        return HERE if own is None else Place(python=shlex.quote(str(state.interpreter(own))), lent=True)
    if label.place not in places:
        there_are = f"there are {', '.join(places)}" if places else "there is none"
        raise AdapterUnavailable(
            f"{label.place}:{label.name}: no place is called {label.place} ({there_are}); name it with {option} "
            f"{label.place}=python=INTERPRETER or {option} {label.place}=ssh=HOST"
        )
    return places[label.place]


def _parsed(whole: str, option: str) -> Place:
    name, _, text = whole.partition("=")
    try:
        spec = execnet.XSpec(text) if text else None
    except (AttributeError, ValueError, IndexError) as error:
        raise ConformanceError(f"{option} {whole}: {error}; {_FORM}") from error
    given = {key: value for key, value in vars(spec).items() if key[0] != "_" and key != "env"} if spec else {}
    for key, value in given.items():
        if key not in _KEYS:
            raise ConformanceError(f"{option} {whole}: unknown key {key!r}; allowed: {', '.join(_KEYS)}")
        if value is True or not value:
            raise ConformanceError(f"{option} {whole}: {key} needs a value; {_FORM}")
    if not re.fullmatch(r"[\w.-]+", name, re.ASCII) or not ("python" in given or "ssh" in given):
        raise ConformanceError(f"{option} {whole}: {_FORM}")
    if name == "command":
        raise ConformanceError(f"{option} {whole}: command:PATH is a harness; give the place another name")
    python = given.get("python", "python3")
    if "ssh" not in given and Path(python).exists():
        python = shlex.quote(python)  # the path of a file, not a command with arguments
    return Place(name, python, given.get("ssh", ""), given.get("ssh_config", ""), ("--worker", whole))
