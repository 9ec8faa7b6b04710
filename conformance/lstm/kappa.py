"""kappa: how far honest rounding moves each output element, in unit roundoffs (docs/noise-units.md).

Monte Carlo arithmetic (D. S. Parker, UCLA CSD-970002, 1997): the reference is evaluated many times in float64, with the
result of every elementary operation multiplied by 1 + s * r, where r is uniform on [-1, 1]; the standard deviation of
the outputs is divided by s. s is small enough that the outputs move in proportion to it, and large enough to be far
above float64's own rounding. An array class does the perturbing, so the reference needs no code for it.

A gate's pre-activation may be summed as W x and R h separately, or as one chain of the terms of both, [x h] with [W R],
as TensorFlow does it; where W x is large, every partial sum of R h is then rounded at the size of W x, whether the bias
is in it or comes last. Each element gets the largest of these.

The samples are run as one batch of samples * B rows, with all rows of one sample together. Where rows are combined (in
a loss and in the gradients of weights), they are run one after the other instead.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

import numpy as np

from conformance.case.model import Case
from conformance.case.options import Activations
from conformance.case.tensors import Array, Arrays, LayerWeights, Outputs
from conformance.lstm.gradients import reference_of
from conformance.lstm.reference import Reference
from conformance.lstm.step import State, Step

SAMPLES = 48
FEWEST_SAMPLES = 16
SCALE = 2.0**-32
_BUDGET = 2**23
"""The most samples * T * B * H in one evaluation; a large case gets fewer samples, but at least FEWEST_SAMPLES."""
_EXACT = frozenset(
    {
        np.negative,
        np.absolute,
        np.maximum,
        np.minimum,
        np.greater,
        np.greater_equal,
        np.less,
        np.less_equal,
        np.equal,
        np.not_equal,
        np.isnan,
        np.copysign,
        np.sign,
    }
)
"""Operations that are exact. The result of every other ufunc is perturbed."""
_MOVES = frozenset(
    {
        np.where,
        np.stack,
        np.concatenate,
        np.split,
        np.zeros_like,
        np.copy,
        np.tile,
        np.repeat,
        np.broadcast_to,
        np.reshape,
        np.transpose,
        np.moveaxis,
        np.swapaxes,
        np.flip,
        np.expand_dims,
        np.squeeze,
        np.max,
        np.take_along_axis,
    }
)
"""Functions other than ufuncs that only move or select numbers, without rounding. Any other function is refused."""


class Perturbed(np.ndarray[Any, np.dtype[np.float64]]):
    """A float64 array in which every elementary operation is rounded at random."""

    generator: np.random.Generator
    samples: int
    rows: int  # rows of one sample: B

    def __array_finalize__(self, other: Any) -> None:
        if isinstance(other, Perturbed):
            self.generator, self.samples, self.rows = other.generator, other.samples, other.rows

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if method != "__call__" or "out" in kwargs or ufunc.nout != 1:
            raise TypeError(f"kappa does not support this use of {ufunc.__name__}.{method}; use plain operations")
        plain = [np.asarray(value) if isinstance(value, Perturbed) else value for value in inputs]
        result = ufunc(*plain, **kwargs)
        if ufunc in _EXACT or result.dtype != np.float64:
            return self._wrap(result) if result.dtype == np.float64 else result
        if ufunc is np.matmul:
            return self._wrap(result + self._dot_noise(plain[0], plain[1], result.shape))
        return self._wrap(result * (1.0 + SCALE * self.generator.uniform(-1.0, 1.0, result.shape)))

    def __array_function__(self, func: Callable[..., Any], types: Any, args: Any, kwargs: Any) -> Any:
        if func not in _MOVES:
            raise TypeError(f"kappa does not support {func.__name__}; use plain operations")
        result = func(*_plain(args), **_plain(kwargs))
        return self._wrap(result) if isinstance(result, np.ndarray) and result.dtype == np.float64 else result

    def _wrap(self, result: Any) -> Perturbed:
        wrapped = np.asarray(result).view(Perturbed)
        wrapped.generator, wrapped.samples, wrapped.rows = self.generator, self.samples, self.rows
        return wrapped

    def _dot_noise(self, a: Array, b: Array, shape: tuple[int, ...]) -> Array:
        """The rounding of the n partial sums of every dot product, as one normal number with their joint variance.

        Partial sums differ between samples by no more than s, so those of the first sample are used for all.
        """
        return self._spread(_partial_sums(self._first(a), b)[2], shape)

    def chained(self, b: Array, start: Perturbed, bias: Array | None) -> Perturbed:
        """`start` (..., 4, H) plus the extra rounding of self @ b if its partial sums began with `start`.

        bias: what `start` contains and may be added last instead, (4, H), so that the sums begin without it.
        """
        terms, sums, _ = _partial_sums(self._first(np.asarray(self)), b)
        more = np.zeros_like(terms)
        for first in (start,) if bias is None else (start, start - bias):
            begin = self._first(np.asarray(first).reshape(*start.shape[:-2], -1))
            more = np.maximum(more, terms * begin**2 + 2.0 * begin * sums)
        return self._wrap(np.asarray(start) + self._spread(more, (self.shape[0], b.shape[1])).reshape(start.shape))

    def _first(self, a: Array) -> Array:
        """The rows of the first sample at each step; the rows of all samples are stored together within a step."""
        if self.samples == 1:  # in this case a product may have any number of rows, not only batch rows
            return a
        steps = a.shape[0] // (self.samples * self.rows)
        return a.reshape(steps, self.samples, self.rows, -1)[:, 0].reshape(steps * self.rows, -1)

    def _spread(self, squares: Array, shape: tuple[int, ...]) -> Array:
        """Normal numbers for every sample, with the variance given by the first sample's sums of squares."""
        if self.samples == 1:
            return self._normal(squares.reshape(shape))
        by_step = squares.reshape(-1, 1, self.rows, shape[-1])
        variance = np.broadcast_to(by_step, (len(by_step), self.samples, self.rows, shape[-1])).reshape(shape)
        return self._normal(variance)

    def _normal(self, variance: Array) -> Array:
        noise: Array = SCALE * np.sqrt(variance / 3.0) * self.generator.standard_normal(variance.shape)
        return np.where(np.isfinite(noise), noise, 0.0)  # an infinity or a NaN in the result stays as it is


class _InOneChain(Reference):
    """The reference with W x and R h summed as one chain, if that has the larger rounding error."""

    def step(self, act: Activations, from_input: Array, old: State, weights: LayerWeights) -> Step:
        if isinstance(old.h, Perturbed):  # an absent h0 is zero, and adding its zeros rounds nothing
            R = np.asarray(weights.R).reshape(-1, old.h.shape[-1]).T
            bias = None if weights.b_w is None or self.case.layer_norm else np.asarray(weights.b_w)
            from_input = old.h.chained(R, cast(Perturbed, from_input), bias)
        return super().step(act, from_input, old, weights)


def kappa(case: Case, arrays: Arrays, samples: int | None = None) -> Outputs:
    """kappa of every output element, float64, in the output's unit: an honest error has deviation u * kappa.

    samples: how many evaluations; by default as many as the size of the case allows.
    """
    digest = hashlib.sha256(f"kappa:{case.id}".encode()).digest()
    generator = np.random.Generator(np.random.Philox(key=int.from_bytes(digest[:16], "little")))
    exact = reference_of(case).run(_mapped(arrays, lambda a: a))
    if case.B == 0:
        return {name: np.zeros(plain.shape) for name, plain in exact.items()}
    samples = samples or max(FEWEST_SAMPLES, min(SAMPLES, _BUDGET // (case.T * case.B * case.H)))
    at_once = 1 if case.has_loss else samples

    def perturbed_array(array: Array) -> Perturbed:
        wrapped = array.view(Perturbed)
        wrapped.generator, wrapped.samples, wrapped.rows = generator, at_once, case.B
        return wrapped

    start = _mapped(arrays, perturbed_array, lambda a: np.tile(a, (1, at_once, 1)))
    in_one_chain: type[Reference] = type("InOneChain", (_InOneChain, type(reference_of(case))), {})
    with np.errstate(invalid="ignore", over="ignore"):
        runs = [in_one_chain(case).run(start) for _ in range(samples // at_once)]
    result: Outputs = {}
    for name, plain in exact.items():
        sampled = np.stack([np.asarray(run[name]) for run in runs])
        if at_once > 1:  # there was one run, whose batch axis holds all samples
            sampled = np.moveaxis(sampled[0].reshape(*plain.shape[:-2], samples, *plain.shape[-2:]), -3, 0)
        with np.errstate(invalid="ignore"):
            spread = np.sqrt(np.mean(((sampled - plain) / SCALE) ** 2, axis=0))
        result[name] = np.where(np.isfinite(plain), spread, 0.0)  # NaN and infinities are compared by position
    return result


def _mapped(arrays: Arrays, wrap: Callable[[Array], Array], tile: Callable[[Array], Array] = lambda a: a) -> Arrays:
    """The arrays in float64, with weights and inputs wrapped and the batch axis of the inputs tiled."""

    def weight(array: Array) -> Array:
        return wrap(array.astype(np.float64))

    def batch(array: Array) -> Array:
        return wrap(tile(array.astype(np.float64)))

    lengths, mask = arrays.inputs.lengths, arrays.inputs.mask
    if lengths is not None:
        lengths = tile(lengths.reshape(1, -1, 1)).reshape(-1)
    if mask is not None:
        mask = tile(mask[..., None])[..., 0]
    return Arrays(arrays.weights.mapped(weight), replace(arrays.inputs.mapped(batch), lengths=lengths, mask=mask))


def _partial_sums(a: Array, b: Array) -> tuple[Array, Array, Array]:
    """For every dot product a[m] @ b[:, n]: its count of nonzero terms, and the sums of its partial sums and squares.

    A term of 0 does not count as a partial sum, because adding it does not round.
    """
    M, K = a.shape
    N = b.shape[-1]
    terms, sums, squares = np.empty((M, N)), np.empty((M, N)), np.empty((M, N))
    block = max(1, 2_000_000 // (K * N))  # rows at a time, to bound memory
    for start in range(0, M, block):
        rows = slice(start, start + block)
        products = a[rows, :, None] * b[None]
        counted = products != 0
        np.cumsum(products, axis=1, out=products)
        products *= counted
        np.sum(counted, axis=1, out=terms[rows], dtype=np.float64)
        np.sum(products, axis=1, out=sums[rows])
        np.einsum("mkn,mkn->mn", products, products, out=squares[rows])
    return terms, sums, squares


def _plain(value: Any) -> Any:
    if isinstance(value, Perturbed):
        return np.asarray(value)
    if isinstance(value, tuple | list):
        return type(value)(_plain(item) for item in value)
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value
