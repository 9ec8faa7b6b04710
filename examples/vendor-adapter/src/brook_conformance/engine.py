"""brook from Python: the C library that was built with the package, through ctypes."""

from __future__ import annotations

import ctypes
from importlib.util import find_spec

import numpy as np

_ERRORS = {1: "a size is out of range", 2: "out of memory"}


class Layer(ctypes.Structure):
    """brook_layer."""

    _fields_ = [
        *((name, ctypes.c_int32) for name in ("inputs", "units", "reverse", "peepholes")),
        *((name, ctypes.c_float) for name in ("forget_bias", "cell_clip")),
    ]


class Brook:
    """The library.

    Raises:
        ImportError: it was not built.
    """

    def __init__(self):
        spec = find_spec("brook_conformance._brook")
        if spec is None or spec.origin is None:
            raise ImportError("brook's C library is not there; it is built when the package is installed")
        self._library = ctypes.CDLL(spec.origin)
        self._library.brook_version.restype = ctypes.c_char_p

    @property
    def version(self):
        return self._library.brook_version().decode()

    def run(self, layer, weights, x, lengths, h, c):
        """y (rows, steps, units) for x (rows, steps, inputs); h and c (rows, units) become the final states."""
        rows, steps, _ = x.shape
        y = np.empty((rows, steps, layer.units), np.float32)
        status = self._library.brook_run(
            ctypes.byref(layer), _floats(weights), _floats(x), steps, rows,
            None if lengths is None else lengths.ctypes.data_as(ctypes.POINTER(ctypes.c_int32)),
            _floats(h), _floats(c), _floats(y),
        )  # fmt: skip
        if status:
            raise RuntimeError(f"brook: {_ERRORS[status]}")
        return y


def _floats(array):
    assert array.dtype == np.float32
    assert array.flags.c_contiguous
    return array.ctypes.data_as(ctypes.POINTER(ctypes.c_float))
