"""Reads safetensors, and the options that `conformance convert` put into the metadata."""

from __future__ import annotations

import json
import struct
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
import safetensors

from conformance.case.tensors import Array
from conformance.case.text import shortened
from conformance.files import parse_json
from conformance.weights.held import FLOATS, MOST_TEXT, Held, demand_bounded, refused

OPTIONS = "lstm"
"""The key of the metadata under which `conformance convert` writes a layer's options, as JSON."""
_DTYPES = {"F16": "float16", "BF16": "bfloat16", "F32": "float32", "F64": "float64"}


def read_safetensors(path: Path, data: bytes) -> Held:
    """The tensors of the file.

    Raises:
        FileError: it is damaged.
    """
    try:
        listed = sorted(safetensors.deserialize(data), key=itemgetter(0))  # type: ignore[no-untyped-call]
    except (safetensors.SafetensorError, OverflowError, ValueError) as error:
        raise refused(path, f"it is a damaged safetensors file: {shortened(str(error))}") from error
    demand_bounded(path, (len(entry["data"]) for _, entry in listed))
    tensors: dict[str, Array] = {}
    others = []
    for name, entry in listed:
        if entry["dtype"] in _DTYPES:
            dtype = FLOATS[_DTYPES[entry["dtype"]]]
            tensors[name] = np.frombuffer(bytes(entry["data"]), dtype).reshape(entry["shape"])
        else:
            others.append(f"{shortened(name)}: {entry['dtype']}")
    return Held(path, "safetensors", tensors, options=_options(path, data), left_out=tuple(others))


def _options(path: Path, data: bytes) -> dict[str, Any]:
    """The options in the metadata, {} without any; the library has checked that the header is one."""
    (length,) = struct.unpack("<Q", data[:8])
    try:
        metadata = parse_json(data[8 : 8 + min(length, MOST_TEXT)]).get("__metadata__") or {}
        found = parse_json(metadata[OPTIONS].encode()) if OPTIONS in metadata else {}
    except (ValueError, AttributeError, json.JSONDecodeError) as error:
        raise refused(path, f"its metadata is damaged: {shortened(str(error))}") from error
    if not isinstance(found, dict):
        raise refused(path, f"its metadata has {OPTIONS!r}, but not as an object of options")
    return found
