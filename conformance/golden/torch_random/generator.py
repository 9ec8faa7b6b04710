"""PyTorch's CPU generator: the Mersenne twister, the draws from it, and the numbers made from the draws.

Sources: PyTorch ATen/core/MT19937RNGEngine.h (twister), ATen/CPUGeneratorImpl.h (64-bit draws, kept normal),
ATen/core/TransformationHelper.h (uniform), ATen/native/cpu/DistributionTemplates.h (normal).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal

import numpy as np

from conformance.golden.torch_random.fused import Float32s, Float64s, Floats, fma32, fma64
from conformance.golden.torch_random.normal import BLOCK, box_muller_blocks, decided_float32, normal_pair

_CHUNK = BLOCK * 4096  # elements worked on at once: the temporaries stay in cache
# Magnitudes for which the float64 product is split without overflow or underflow.
_FLOAT64_LARGEST, _FLOAT64_SMALLEST = 2.0**900, 2.0**-900


def check_dtype(dtype: str) -> None:
    """Raise ValueError for a dtype other than float32 and float64."""
    if dtype not in ("float32", "float64"):
        raise ValueError(f'dtype must be "float32" or "float64", not {dtype!r}')


def _check_bounds(low: float, high: float, dtype: str) -> None:
    """Raise ValueError for bounds that PyTorch refuses, or whose float64 product cannot be emulated here."""
    largest = float(np.finfo(np.float32).max) if dtype == "float32" else _FLOAT64_LARGEST
    good = -largest <= low <= high <= largest  # False for NaN too
    if good and dtype == "float32":
        good = float(np.float32(high)) - float(np.float32(low)) <= largest
    elif good:
        good = high == low or high - low >= _FLOAT64_SMALLEST
    if not good:
        raise ValueError(f"uniform needs low <= high, neither of them extreme for {dtype}; got {low!r}, {high!r}")


def _count(shape: Sequence[int]) -> int:
    if any(size < 0 for size in shape):
        raise ValueError(f"sizes must not be negative: {tuple(shape)}")
    return math.prod(shape)


class TorchGenerator:
    """PyTorch's CPU generator after `torch.manual_seed(seed)`: each call continues the stream as in PyTorch.

    All numbers are dimensionless; every array is new, C-contiguous and of the requested dtype.

    Source: PyTorch ATen/core/MT19937RNGEngine.h, ATen/CPUGeneratorImpl.h.
    """

    def __init__(self, seed: int) -> None:
        """Seed the twister.

        Args:
            seed: -2^63 to 2^64 - 1, as `torch.manual_seed` takes it; a negative seed means seed + 2^64.
                PyTorch seeds the twister with the low 32 bits only, so seeds that agree in them give the same
                numbers.

        Raises:
            ValueError: the seed is out of range.
        """
        if not -(2**63) <= seed < 2**64:
            raise ValueError(f"seed must be from -2^63 to 2^64 - 1, not {seed}")
        # Matsumoto and Nishimura's init_genrand (2002), written out because NumPy's function for it is private.
        key = [seed & 0xFFFFFFFF]
        for j in range(1, 624):
            key.append((1812433253 * (key[-1] ^ (key[-1] >> 30)) + j) & 0xFFFFFFFF)
        self._twister = np.random.MT19937(0)
        self._twister.state = {
            "bit_generator": "MT19937",
            "state": {"key": np.array(key, dtype=np.uint32), "pos": 624},
        }
        self._next_normal: Decimal | None = None

    def _fractions32(self, count: int) -> Float32s:
        """Return `count` multiples of 2^-24 in [0, 1): one 32-bit draw each, its low 24 bits."""
        draws = self._twister.random_raw(count)
        return np.asarray((draws & np.uint64(2**24 - 1)).astype(np.float32) * np.float32(2.0**-24))

    def _fractions64(self, count: int) -> Float64s:
        """Return `count` multiples of 2^-53 in [0, 1): two draws each, high word first, their low 53 bits."""
        draws = self._twister.random_raw(2 * count)
        words = (draws[0::2] << np.uint64(32)) | draws[1::2]
        return np.asarray((words & np.uint64(2**53 - 1)).astype(np.float64) * 2.0**-53)

    def uniform(self, low: float, high: float, shape: Sequence[int], dtype: str) -> Floats:
        """Return what `torch.empty(shape, dtype=dtype).uniform_(low, high)` holds: uniform in [low, high).

        Args:
            low: the lower bound, inclusive; for float32 it is first rounded to float32.
            high: the upper bound, exclusive unless it equals `low`; rounded likewise.
            shape: any sizes; empty for one number.
            dtype: "float32" or "float64".

        Raises:
            ValueError: another dtype, a negative size, bounds that PyTorch refuses (NaN, infinite,
                low > high, a span that overflows), or float64 bounds beyond 2^900 or closer than 2^-900,
                which the emulated rounding does not cover.

        Source: PyTorch ATen/core/TransformationHelper.h, ATen/native/cpu/DistributionTemplates.h.
        """
        check_dtype(dtype)
        low, high = float(low), float(high)
        _check_bounds(low, high, dtype)
        count = _count(shape)
        if dtype == "float64":
            wide = fma64(self._fractions64(count), high - low, low)
            return np.where(wide == high, low, wide).reshape(shape)
        first, last = np.float32(low), np.float32(high)
        values = fma32(self._fractions32(count), last - first, first)
        # Rounding can reach the exclusive upper bound, in which case PyTorch returns the lower one.
        return np.where(values == last, first, values).reshape(shape)

    def rand(self, *shape: int, dtype: str = "float32") -> Floats:
        """Return what `torch.rand(*shape, dtype=dtype)` gives: uniform in [0, 1).

        Raises:
            ValueError: a dtype other than "float32" and "float64", or a negative size.

        Source: PyTorch ATen/core/TransformationHelper.h.
        """
        return self.uniform(0.0, 1.0, shape, dtype)

    def randn(self, *shape: int, dtype: str = "float32") -> Float32s:
        """Return what `torch.randn(*shape)` gives: normal, mean 0, standard deviation 1, float32.

        Fewer than 16 elements are generated in pairs; a left-over one is kept for the next such call, as in PyTorch.

        Raises:
            ValueError: dtype "float64" (PyTorch's bits then depend on the C library and the processor;
                nothing is drawn), any other dtype, a negative size, or, for fewer than 16 elements and about
                twice in 10^8 numbers, a value whose float32 rounding depends on the C library (this generator
                is then out of step with PyTorch's).

        Source: PyTorch ATen/native/cpu/DistributionTemplates.h and avx_mathfun.h, and
        ATen/core/DistributionsHelper.h.
        """
        check_dtype(dtype)
        if dtype == "float64":
            raise ValueError(
                "float64 randn is refused: PyTorch takes log, sin and cos from the C library there, and "
                "their last bit differs between C libraries and processors; draw float32 and convert it"
            )
        count = _count(shape)
        if count < BLOCK:
            values = np.zeros(count, dtype=np.float32)
            for i in range(count):
                values[i] = decided_float32(self._small_normal())
        else:
            values = self._large_normal(count)
        return values.reshape(shape)

    def _small_normal(self) -> Decimal:
        """Return the next normal number for fewer than 16 elements: the kept one, else the first of a new pair."""
        if self._next_normal is not None:
            kept, self._next_normal = self._next_normal, None
            return kept
        u1, u2 = self._fractions64(2).tolist()
        value, self._next_normal = normal_pair(u1, u2)
        return value

    def _large_normal(self, count: int) -> Float32s:
        """Return `count` >= 16 normal numbers of the vectorised path."""
        values = self._fractions32(count)
        whole = count - count % BLOCK
        for start in range(0, whole, _CHUNK):
            part = slice(start, min(start + _CHUNK, whole))
            values[part] = box_muller_blocks(values[part])
        if whole < count:
            # PyTorch draws 16 new uniform numbers and overwrites the last 16 elements.
            values[-BLOCK:] = box_muller_blocks(self._fractions32(BLOCK))
        return values
