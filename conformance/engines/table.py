"""The engines beyond the first frameworks: the adapters of each, and where it is installed. One row each.

A new engine is a row of `ENGINES`, an entry point in pyproject.toml for each of its adapters, and what `home` says:

    shared   beside the suite: an extra of the engine's name in pyproject.toml, with pins in constraints.txt
    own      a Python environment of its own, because it needs another NumPy or its own protobuf, say: its requirements,
             pinned, in `pins/NAME.txt`, the engine's own package in the first line
    npm      packages of Node.js: `package.json` and `package-lock.json` in the folder NAME beside this file
"""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from conformance.case.errors import ConformanceError
from conformance.case.text import shortened
from conformance.engines import requirements
from conformance.files import MEBIBYTE, read_file

Home = Literal["shared", "own", "npm"]
_HERE: Final = Path(__file__).parent


@dataclass(frozen=True)
class Engine:
    """An engine.

    name: what `conformance engines` calls it. adapters: the names of its entry points. mebibytes: what it takes on a
    disk, measured: with all that it needs, but for a shared one without what the suite and the extra `all` need.
    own_extra: the extra of a shared one, if it is not called as the engine is. source: the folder in which its pins
    or its packages for npm are.
    """

    name: str
    adapters: tuple[str, ...]
    mebibytes: int
    home: Home = "shared"
    own_extra: str = ""
    source: Path = _HERE

    @property
    def extra(self) -> str:
        """The extra of a shared one."""
        return self.own_extra or self.name

    @property
    def command(self) -> str:
        """What a user types to install it."""
        if self.home == "shared":
            return f"pip install '{requirements.DISTRIBUTION}[{self.extra}]'"
        return f"conformance engines install {self.name}"

    @property
    def files(self) -> tuple[Path, ...]:
        """The files that say what is installed in a place of its own; none for a shared one."""
        if self.home == "npm":
            return tuple(self.source / self.name / name for name in ("package.json", "package-lock.json"))
        return (self.source / "pins" / f"{self.name}.txt",) if self.home == "own" else ()

    @property
    def pins(self) -> list[str]:
        """The lines of its file of pins, comments left out; the first is of the engine itself."""
        (path,) = self.files
        lines = (line.partition("#")[0].strip() for line in _content(path).decode().splitlines())
        return [line for line in lines if line]

    @property
    def digest(self) -> str:
        """Of everything that is installed in its place of its own: another digest, and it is to be made again."""
        said = [_content(path) for path in self.files]
        if self.home == "own":
            said.append("\n".join(sorted(map(str, requirements.own()))).encode())
        return hashlib.sha256(b"\0".join(said)).hexdigest()


_JAVASCRIPT: Final = ("onnxruntime-node", "onnxruntime-web", "tfjs-cpu", "tfjs-wasm", "webnn", "webnn-onnxruntime-web")

ENGINES: tuple[Engine, ...] = (
    Engine("opencv", ("opencv",), 154),
    Engine("tract", ("tract",), 33),
    Engine("iree", ("iree",), 393),
    Engine("mnn", ("mnn",), 194, "own"),
    Engine("ncnn", ("ncnn",), 29),
    Engine("flax", ("flax", "flax-linen"), 115),
    Engine("haiku", ("haiku",), 7),
    Engine("equinox", ("equinox", "jax-rnn"), 4),
    Engine("paddle", ("paddle", "paddle-inference", "paddle-static"), 721),
    Engine("mlx", ("mlx",), 38),
    Engine("tinygrad", ("tinygrad",), 40),
    Engine("mindspore", ("mindspore",), 2840, "own"),
    Engine("tflite-micro", ("tflite-micro",), 4),
    Engine("torch-ao", ("torch-int8", "torch-quantizable"), 1),
    Engine("onnxruntime-int8", ("onnxruntime-int8", "onnxruntime-int8-by-row"), 1),
    Engine("keras-torch-onnxruntime", ("keras-torch-onnxruntime",), 1),
    Engine("executorch", ("executorch",), 130),
    Engine("torch-litert", ("torch-litert",), 2080, "own"),
    Engine("paddle-onnxruntime", ("paddle-onnxruntime",), 1300, "own"),
    Engine("javascript", _JAVASCRIPT, 860, "npm"),
)


def engine_of(adapter: str) -> Engine | None:
    """The engine that an adapter of this name belongs to; None for a first framework's or a vendor's."""
    return next((engine for engine in ENGINES if adapter in engine.adapters), None)


def engines_named(names: Iterable[str]) -> list[Engine]:
    """The engines of these names.

    Raises:
        ConformanceError: there is none of a name.
    """
    known = {engine.name: engine for engine in ENGINES}
    found = []
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            hint = f"; did you mean {near[0]!r}?" if near else "."
            raise ConformanceError(f"there is no engine '{shortened(name)}'{hint} There are: {', '.join(known)}")
        found.append(known[name])
    return list(dict.fromkeys(found))


def _content(path: Path) -> bytes:
    return read_file(path, 16 * MEBIBYTE)
