"""What a harness says about itself before its engine is loaded: the JSON object that `--describe` prints."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Final, Literal

from pydantic import Field, ValidationError

from conformance.adapters.base import EmptyRows, PaddedY
from conformance.adapters.capabilities import ActivationSupport, Capabilities
from conformance.adapters.harness.errors import ending
from conformance.adapters.layouts import Layout
from conformance.adapters.words import faults_of, instead_of
from conformance.case.dtypes import DTypeName, Precision
from conformance.case.errors import AdapterUnavailable
from conformance.case.options import Frozen
from conformance.case.text import shortened, visible
from conformance.files import MEBIBYTE, parse_json

PROTOCOL: Final = 1
"""The version of the protocol that this suite speaks."""
_MOST_BYTES: Final = MEBIBYTE
_SECONDS: Final = 60.0
_SHOWN: Final = 5
_MOST_SAID: Final = 4096
_LINES_SAID: Final = 10


class Contracts(Frozen):
    """What the engine's documentation promises where the equations leave room; docs/adapters.md#contracts."""

    padded_y: PaddedY = "zeros"
    empty_rows: EmptyRows = "initial"


class Description(Frozen):
    """The answer to `--describe`."""

    protocol: Literal[1]
    name: str = Field(pattern=r"^[A-Za-z0-9][\w.-]*$", description="what messages call the adapter")
    weights: Literal["canonical", "onnx"] | Layout = Field(
        default="canonical", description="how weights are sent: canonical, as an ONNX model, or in this layout"
    )
    capabilities: Capabilities = Capabilities()
    contracts: Contracts = Contracts()
    precision: dict[DTypeName, Precision] = Field(
        default={}, description="the format in which a dtype is really computed; absent: its own"
    )
    devices: frozenset[str] = Field(default=frozenset({"cpu"}), min_length=1)


def parsed(text: bytes, where: str) -> Description:
    """The description in a text.

    Args:
        where: what the text is called in a message.

    Raises:
        AdapterUnavailable: it is not one.
    """
    try:
        told = parse_json(text)
    except ValueError as error:
        raise AdapterUnavailable(f"{where} is not JSON: {error}: {shortened(text.decode(errors='replace'))}") from error
    if isinstance(told, dict) and "protocol" in told and told["protocol"] != PROTOCOL:
        raise AdapterUnavailable(
            f"{where} speaks protocol {shortened(repr(told['protocol']))}; this version of lstm-conformance speaks "
            f"{PROTOCOL}"
        )
    try:
        description = Description.model_validate_json(text)
        problems = [f"capabilities.{fault}" for fault in faults_of(description.capabilities)]
    except ValidationError as error:
        problems = _problems(error, told)
    if not problems:
        return description
    raise AdapterUnavailable(
        f"{where} does not describe a harness (docs/harness.md#describe):\n"
        + visible("\n".join(problems[:_SHOWN]), lines=True)
    )


_KEYS: Final = {
    (): tuple(Description.model_fields),
    ("capabilities",): tuple(each.name for each in dataclasses.fields(Capabilities)),
    ("capabilities", "activations"): tuple(each.name for each in dataclasses.fields(ActivationSupport)),
    ("contracts",): tuple(Contracts.model_fields),
    ("weights",): tuple(each.name for each in dataclasses.fields(Layout)),
}
_UNKNOWN_KEY: Final = ("extra_forbidden", "unexpected_keyword_argument")


def _problems(error: ValidationError, told: Any) -> list[str]:
    """What the model found wrong, a line each; of a key that it does not know, with those that it does."""
    found = []
    for each in error.errors():
        where = each["loc"]
        if where[0] == "weights" and len(where) > 1:  # a word or a layout: what is wrong with the one that is meant
            if (where[1] == Layout.__name__) == isinstance(told.get("weights"), str):
                continue
            where = (where[0], *where[2:])
        key = where[-1] if where else ""
        if each["type"] in _UNKNOWN_KEY and where[:-1] in _KEYS:
            message = f"no such field; {instead_of(key, _KEYS[where[:-1]])}"  # type: ignore[index]
        else:
            message = each["msg"]
        found.append(f"{'.'.join(map(str, where))}: {message}")
    return found


def asked(words: Sequence[str], environment: Mapping[str, str] | None = None) -> Description:
    """What a command prints with `--describe`.

    Args:
        words: the command.
        environment: its complete environment; None for this process's.

    Raises:
        AdapterUnavailable: it cannot be started, fails, takes too long, or prints something else.
    """
    command = shortened(" ".join([*words, "--describe"]))
    # Files, not pipes: a process that it leaves behind holds a pipe open.
    with tempfile.TemporaryFile() as printed, tempfile.TemporaryFile() as said:
        try:
            process = subprocess.Popen(
                [*words, "--describe"], env=environment, stdin=subprocess.DEVNULL, stdout=printed, stderr=said
            )
        except OSError as error:
            raise AdapterUnavailable(cannot_start(words, error)) from error
        try:
            code = process.wait(_SECONDS)
        except subprocess.TimeoutExpired as error:
            raise AdapterUnavailable(
                f"{command} has not ended within {_SECONDS:g} s; it must not load the engine"
            ) from error
        finally:
            process.kill()
            process.wait()
        if code != 0:
            raise AdapterUnavailable(f"{command} ended with {ending(code)}{_last_lines(said)}")
        printed.seek(0)
        text = printed.read(_MOST_BYTES + 1)
    if not text.strip():
        raise AdapterUnavailable(f"{command} printed nothing; it must print what docs/harness.md#describe has")
    if len(text) > _MOST_BYTES:
        raise AdapterUnavailable(f"{command} printed more than {_MOST_BYTES:,} bytes")
    return parsed(text, command)


def cannot_start(words: Sequence[str], error: OSError) -> str:
    """Why a command cannot be started, and what to do."""
    name = shortened(words[0])
    if isinstance(error, FileNotFoundError):
        if Path(words[0]).is_file():
            return f"{name}: what its first line names to run it is not there{_first_line(Path(words[0]))}"
        return f"{name}: there is no such command"
    if Path(words[0]).is_dir():
        return f"{name}: is a folder; name the file in it that is to be run"
    if isinstance(error, PermissionError):
        return f"{name}: is not executable; chmod +x it, or name what runs it, as in command:'python3 {name}'"
    return f"{name}: cannot be started: {error.strerror}"


def _first_line(path: Path) -> str:
    """The first line of a script, with a colon before it; nothing of a program, whose loader is missing."""
    with path.open("rb") as file:
        line = file.readline(_MOST_SAID)
    return f": {shortened(line.decode(errors='replace').rstrip())}" if line.startswith(b"#!") else ""


def _last_lines(file: IO[bytes]) -> str:
    size = file.seek(0, os.SEEK_END)
    file.seek(max(size - _MOST_SAID, 0))
    lines = file.read().decode(errors="replace").splitlines()[-_LINES_SAID:]
    return visible("".join(f"\n  {line}" for line in lines), lines=True)
