"""Random values that cannot be made by exact operations, computed in ball arithmetic and rounded once to float64.

libm and LAPACK differ in their last bits from processor to processor; a correctly rounded value does not.
Needs python-flint.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from conformance.case.errors import GenerationError
from conformance.case.tensors import Array
from conformance.golden.random import Stream


def normal(stream: Stream, shape: tuple[int, ...]) -> Array:
    """Standard normal numbers by the Box-Muller transform, each correctly rounded to float64."""
    count = int(np.prod(shape))
    u, v = stream.unit((count,)), stream.unit((count,))
    return _rounded(lambda flint: _box_muller(flint, u, v)).reshape(shape)


def orthogonal(stream: Stream, rows: int, columns: int) -> Array:
    """keras.initializers.Orthogonal for a (rows, columns) matrix: Q of the QR of a normal matrix, with diag(R) > 0.

    The vectors along the smaller dimension are orthonormal. Gram-Schmidt in ball arithmetic gives the factor with a
    positive diagonal directly; it is unique, so this is the same Q as from Householder with the sign correction.
    """
    tall, narrow = max(rows, columns), min(rows, columns)
    u, v = stream.unit((tall * narrow,)), stream.unit((tall * narrow,))

    def q(flint: Any) -> list[Any]:
        flat = _box_muller(flint, u, v)
        vectors = [[flat[r * narrow + k] for r in range(tall)] for k in range(narrow)]
        for k, vector in enumerate(vectors):
            for earlier in vectors[:k]:
                along = _dot(flint, earlier, vector)
                vector[:] = [x - along * e for x, e in zip(vector, earlier, strict=True)]
            scale = _dot(flint, vector, vector).rsqrt()
            vector[:] = [x * scale for x in vector]
        return [vectors[k][r] for r in range(tall) for k in range(narrow)]

    matrix = _rounded(q).reshape(tall, narrow)
    return np.ascontiguousarray(matrix if rows >= columns else matrix.T)


def _box_muller(flint: Any, u: Array, v: Array) -> list[Any]:
    """sqrt(-2 ln(1 - u)) cos(2 pi v); 1 - u is exact and never 0."""
    arb = flint.arb
    return [(-2 * arb(1 - float(a)).log()).sqrt() * arb(2 * float(b)).cos_pi() for a, b in zip(u, v, strict=True)]


def _dot(flint: Any, a: list[Any], b: list[Any]) -> Any:
    return (flint.arb_mat([a]) * flint.arb_mat([[x] for x in b]))[0, 0]


def _rounded(compute: Callable[[Any], list[Any]]) -> Array:
    """Evaluate at growing precision until every ball rounds to one float64."""
    try:
        import flint
    except ImportError as error:
        raise GenerationError("normal and orthogonal sources need python-flint: pip install python-flint") from error
    from conformance.lstm.oracle.rounding import Undecided, nearest

    before = flint.ctx.prec
    try:
        for bits in (128, 256, 512, 1024, 2048):
            flint.ctx.prec = bits
            try:
                return np.array([nearest(ball) for ball in compute(flint)], np.float64)
            except Undecided:
                continue
    finally:
        flint.ctx.prec = before
    raise GenerationError("random values could not be rounded with 2048 bits")
