"""Reads npz, NumPy's archive of arrays; arrays of objects, which are pickles, are refused."""

from __future__ import annotations

import io
import math
import warnings

import numpy as np

from conformance.case.tensors import Array
from conformance.case.text import shortened
from conformance.weights.held import FLOATS, Held, floats_only, refused
from conformance.weights.zipped import Zip

_VOID16 = np.dtype("V2")
"""How NumPy stores bfloat16, which it does not know."""


def read_npz(archive: Zip) -> Held:
    """The arrays of the archive.

    Raises:
        FileError: a member is damaged, states a size that it does not have, or holds objects.
    """
    kept, others = floats_only(arrays_of(archive))
    return Held(archive.path, "npz", kept, left_out=others)


def arrays_of(archive: Zip) -> dict[str, Array]:
    """All arrays of the archive, by name, of whatever dtype. Raises FileError as above."""
    return {name.removesuffix(".npy"): _array(archive, name) for name in archive.names}


def _array(archive: Zip, name: str) -> Array:
    """One member. NumPy makes an array of the size that the header states before it reads, so that is checked first."""
    content = archive.content(name)
    stream = io.BytesIO(content)
    where = f"its member {shortened(name)}"
    try:
        version = np.lib.format.read_magic(stream)
        header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        if version not in ((1, 0), (2, 0)):
            raise refused(archive.path, f"{where} has version {version} of NumPy's format; 1.0 and 2.0 are read")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            shape, _, dtype = header(stream)
        if dtype.hasobject:
            raise refused(archive.path, f"{where} holds Python objects, which are pickles and would be executed")
        stated, there = dtype.itemsize * math.prod(shape), len(content) - stream.tell()
        if stated != there:
            raise refused(archive.path, f"{where} states {stated:,} bytes of numbers and has {there:,}")
        stream.seek(0)
        array = np.lib.format.read_array(stream, allow_pickle=False)
    except (ValueError, SyntaxError, TypeError, OverflowError, EOFError) as error:
        raise refused(archive.path, f"{where} is damaged: {shortened(str(error))}") from error
    return array.view(FLOATS["bfloat16"]) if array.dtype == _VOID16 else array
