"""The table of catches: which case shows which mistake, and how surely. One file beside the vectors.

    vectors/catches.xz     LZMA of a line of JSON, then the bits
        {"format": 1, "seed": 5, "catalogue": [ids], "sampled": [ids], "cases": N}
        N * 4 bytes        a key for each case: of its id and the digest of its spec
        two planes of bits, the low ones of the levels, then the high ones: N for each mistake, filled up to whole bytes

It knows nothing of adapters: which of the cases an adapter is given is decided when it is read. A case whose spec has
changed has another key, and so no row.
"""

from __future__ import annotations

import hashlib
import json
import lzma
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from conformance.case.errors import ConformanceError
from conformance.files import MEBIBYTE, FileError, read_file, replace_file

NAME = "catches.xz"
FORMAT = 1
KEY_BYTES = 4
_MOST_BYTES = 4 * MEBIBYTE
_MOST_UNPACKED = 256 * MEBIBYTE

Levels = np.ndarray[Any, np.dtype[np.uint8]]


def key(case_id: str, spec: str) -> int:
    """The key of a case. spec: the digest of its spec."""
    return int.from_bytes(hashlib.sha256(f"{case_id} {spec}".encode()).digest()[:KEY_BYTES])


@dataclass(frozen=True)
class Catches:
    """The table.

    seed: of the sample. catalogue, sampled: the ids of the mistakes. rows: key of a case -> its row, in their order.
    levels: (cases, mistakes), first those of the catalogue.
    """

    seed: int
    catalogue: tuple[str, ...]
    sampled: tuple[str, ...]
    rows: Mapping[int, int]
    levels: Levels

    @property
    def mistakes(self) -> tuple[str, ...]:
        """Those of the catalogue, then the others: the columns."""
        return self.catalogue + self.sampled

    def of(self, keys: Sequence[int]) -> Levels:
        """The rows of cases, given by their keys; a case without a row shows nothing."""
        found: Levels = np.zeros((len(keys), len(self.mistakes)), dtype=np.uint8)
        there = [n for n, each in enumerate(keys) if each in self.rows]
        found[there] = self.levels[[self.rows[keys[n]] for n in there]]
        return found

    def to_bytes(self) -> bytes:
        """The content of the file."""
        head = {"format": FORMAT, "seed": self.seed, "catalogue": self.catalogue, "sampled": self.sampled}
        planes = [np.packbits(self.levels.T >> bit & 1, axis=1).tobytes() for bit in (0, 1)]
        keys = b"".join(each.to_bytes(KEY_BYTES) for each in self.rows)
        text = json.dumps(head | {"cases": len(self.rows)}, separators=(",", ":")).encode()
        return lzma.compress(b"".join([text, b"\n", keys, *planes]), preset=6 | lzma.PRESET_EXTREME)

    @classmethod
    def from_bytes(cls, data: bytes) -> Catches:
        """The inverse.

        Raises:
            ValueError: it is not such a file.
        """
        try:
            unpacked = lzma.LZMADecompressor().decompress(data, _MOST_UNPACKED)
            text, _, rest = unpacked.partition(b"\n")
            head = json.loads(text)
            if head["format"] != FORMAT:
                raise ValueError(f"format {head['format']!r:.40}, but this version reads format {FORMAT}")
            catalogue, sampled, count = tuple(head["catalogue"]), tuple(head["sampled"]), int(head["cases"])
            keys, bits = rest[: count * KEY_BYTES], rest[count * KEY_BYTES :]
            shape = 2, len(catalogue) + len(sampled), -(-count // 8)
            if len(bits) != math.prod(shape):
                raise ValueError("it is cut off")
            low, high = np.unpackbits(np.frombuffer(bits, np.uint8).reshape(shape), axis=2, count=count)
            levels: Levels = (low + 2 * high).astype(np.uint8).T
        except (lzma.LZMAError, KeyError, TypeError) as error:
            raise ValueError(f"not a table of catches: {error}") from error
        rows = {int.from_bytes(keys[n * KEY_BYTES : (n + 1) * KEY_BYTES]): n for n in range(count)}
        return cls(int(head["seed"]), catalogue, sampled, rows, levels)


def read(vectors: Path) -> Catches:
    """The table beside these vectors.

    Raises:
        ConformanceError: there is none, or it cannot be read.
    """
    path = vectors / NAME
    try:
        return Catches.from_bytes(read_file(path, _MOST_BYTES))
    except FileError as error:
        raise ConformanceError(f"{error}; without it there is no --quick: it is for the suite's own cases") from error
    except ValueError as error:
        raise ConformanceError(f"{path}: {error}; make it again with: conformance generate") from error


def write(vectors: Path, catches: Catches) -> None:
    """Write the table beside these vectors.

    Raises:
        FileError: it cannot be written.
    """
    replace_file(vectors / NAME, catches.to_bytes())


def table(
    seed: int, catalogue: Iterable[str], sampled: Iterable[str], found: Mapping[int, Mapping[str, int]]
) -> Catches:
    """A table of these levels: key of a case -> mistake -> level."""
    names, drawn = tuple(catalogue), tuple(sampled)
    column = {mistake: n for n, mistake in enumerate(names + drawn)}
    levels: Levels = np.zeros((len(found), len(column)), dtype=np.uint8)
    for row, of_case in enumerate(found.values()):
        for mistake, level in of_case.items():
            levels[row, column[mistake]] = level
    return Catches(seed, names, drawn, {each: row for row, each in enumerate(found)}, levels)
