"""Random numbers that are identical on every processor and NumPy version: Philox bits, mapped by exact operations.

A stream is identified by a seed and a tensor's name, so that adding a tensor never changes the numbers of another.
"""

from __future__ import annotations

import hashlib

import numpy as np

from conformance.case.tensors import Array


class Stream:
    """Raw 64-bit words of the Philox 4x64-10 counter generator (Salmon et al., SC 2011), keyed by seed and name."""

    def __init__(self, seed: int, name: str) -> None:
        key = hashlib.sha256(f"{seed}:{name}".encode()).digest()[:16]
        self._bits = np.random.Philox(key=int.from_bytes(key, "little"))

    def words(self, count: int) -> Array:
        """The next `count` words, uint64."""
        words: Array = self._bits.random_raw(count)
        return words

    def unit(self, shape: tuple[int, ...]) -> Array:
        """float64 multiples of 2**-53 in [0, 1)."""
        count = int(np.prod(shape))
        return ((self.words(count) >> np.uint64(11)).astype(np.float64) * 2.0**-53).reshape(shape)

    def uniform(self, low: float, high: float, shape: tuple[int, ...]) -> Array:
        """float64 in [low, high]: one product and one sum, both IEEE operations rounded to nearest."""
        return low + (high - low) * self.unit(shape)

    def integers(self, low: int, high: int, shape: tuple[int, ...]) -> Array:
        """Integers low..high as float64. Of n numbers, none is likelier than another by more than n / 2**53."""
        span = np.uint64(high - low + 1)
        count = int(np.prod(shape))
        return (low + ((self.words(count) >> np.uint64(11)) % span).astype(np.float64)).reshape(shape)
