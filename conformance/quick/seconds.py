"""What a case costs with an adapter: as measured, or by its size.

    vectors/times.xz       LZMA of a line of JSON, then a byte for each adapter and case
        {"format": 1, "cases": N, "adapters": ["keras-jax", ...]}
        N * 4 bytes        the keys of the cases (conformance.quick.catches)
        N bytes            for each adapter: 0 is not known, 255 refused when it was asked, else `_second`

They come from results files, once for the adapters of the first frameworks (conformance generate --times). On another
machine all are longer or shorter; which case is dear and which cheap stays.
"""

from __future__ import annotations

import json
import lzma
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from conformance.adapters import registry
from conformance.case.errors import ConformanceError
from conformance.case.model import Case
from conformance.case.outcomes import Unsupported
from conformance.files import MEBIBYTE, FileError, read_file, replace_file
from conformance.golden.work import cost
from conformance.quick.catches import KEY_BYTES
from conformance.results.record import Record

NAME = "times.xz"
FORMAT = 1
OWN = 0.004
"""Seconds of the suite itself for a case: to read its vector, to send and to judge it."""
_STEP, _OPERATION = 4e-5, 6e-11
"""Seconds of a step of a layer, and of an operation: between those of the frameworks of the first adapters."""
_REFUSED = 255
_PER_DECADE, _LEAST = 40, 1e-4
_MOST_BYTES = 4 * MEBIBYTE


@dataclass(frozen=True)
class Times:
    """What cases cost with one adapter. seconds: key of a case -> seconds; None for one that it refused when asked."""

    seconds: Mapping[int, float | None]

    def of(self, case: Case, key: int) -> float | None:
        """Seconds of a case, the suite's own with it; None for one that the adapter refuses though it declares it."""
        if key in self.seconds:
            known = self.seconds[key]
            return None if known is None else known + OWN
        usual = median([each for each in self.seconds.values() if each is not None] or [0.0])
        return OWN + usual + _STEP * case.T * case.layers * case.D + _OPERATION * cost(case)


UNKNOWN = Times({})


def measured(records: Iterable[Record], keys: Mapping[str, int]) -> dict[str, Times]:
    """The times in results, by the name of the adapter. keys: of the cases that count, by id."""
    found: dict[str, dict[int, float | None]] = {}
    for record in records:
        if record.case in keys:
            refused = record.outcome == Unsupported.name
            name = registry.parse(record.adapter).name
            found.setdefault(name, {})[keys[record.case]] = None if refused else record.seconds
    return {adapter: Times(seconds) for adapter, seconds in found.items()}


def read(vectors: Path) -> dict[str, Times]:
    """The times beside these vectors, by adapter; none where there is no such file.

    Raises:
        ConformanceError: it cannot be read.
    """
    path = vectors / NAME
    if not path.exists():
        return {}
    try:
        unpacked = lzma.LZMADecompressor().decompress(read_file(path, _MOST_BYTES), 64 * MEBIBYTE)
        text, _, rest = unpacked.partition(b"\n")
        head = json.loads(text)
        if head["format"] != FORMAT:
            raise ValueError(f"format {head['format']!r:.40}, but this version reads format {FORMAT}")
        count, adapters = int(head["cases"]), head["adapters"]
        keys = [int.from_bytes(rest[n * KEY_BYTES : (n + 1) * KEY_BYTES]) for n in range(count)]
        columns = rest[count * KEY_BYTES :]
        if len(columns) != count * len(adapters):
            raise ValueError("it is cut off")
    except FileError as error:
        raise ConformanceError(str(error)) from error
    except (lzma.LZMAError, ValueError, KeyError, TypeError) as error:
        raise ConformanceError(f"{path}: not a file of times: {error}; remove it: it is not needed") from error
    return {
        adapter: Times(
            {key: _second(code) for key, code in zip(keys, columns[n * count : (n + 1) * count], strict=True) if code}
        )
        for n, adapter in enumerate(adapters)
    }


def write(vectors: Path, times: Mapping[str, Times], keys: Iterable[int]) -> None:
    """Write the times of these cases beside the vectors.

    Raises:
        FileError: it cannot be written.
    """
    ordered, adapters = list(keys), sorted(times)
    head = {"format": FORMAT, "cases": len(ordered), "adapters": adapters}
    parts = [json.dumps(head, separators=(",", ":")).encode(), b"\n", *(key.to_bytes(KEY_BYTES) for key in ordered)]
    for adapter in adapters:
        seconds = times[adapter].seconds
        parts.append(bytes(_code(seconds[key]) if key in seconds else 0 for key in ordered))
    replace_file(vectors / NAME, lzma.compress(b"".join(parts), preset=6 | lzma.PRESET_EXTREME))


def _code(seconds: float | None) -> int:
    if seconds is None:
        return _REFUSED
    return min(1 + round(_PER_DECADE * math.log10(max(seconds, _LEAST) / _LEAST)), _REFUSED - 1)


def _second(code: int) -> float | None:
    return None if code == _REFUSED else _LEAST * 10.0 ** ((code - 1) / _PER_DECADE)
