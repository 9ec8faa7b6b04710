"""What PyTorch's CPU generator gives for a seed, bit for bit, on a machine without PyTorch.

`TorchGenerator` follows `torch.manual_seed(seed)` call by call: `uniform_`, `rand`, `randn`, and the initial
parameters of `nn.LSTM` and `nn.Linear`. It was held against PyTorch 2.13.0 (Linux x86-64 wheel, CPU
capability AVX2, whose kernels serve AVX512 too). PyTorch's `DEFAULT` capability rounds differently, and its
builds for other processors may; they are not meant here.

The result depends neither on the processor nor on the NumPy version: besides integers, only IEEE-exact
operations (+, -, *, sqrt, conversions) and decimal arithmetic are used; logarithm, sine and cosine are this
module's own. Three things that the PyTorch sources do not show decide the bits:

- The compiler fuses a product with the sum it feeds. `x * (to - from) + from` and every step of the
  polynomials is therefore *one* rounding, emulated by `_fma32` and `_fma64`.
- `randn` of fewer than 16 elements is computed in double by the C library and then rounded to float32. Here
  the value is computed to some 40 digits and given out only if every double within 2^-50 (relative) of it
  rounds to the same float32; no C library within 1 ulp (what glibc documents) can then differ. Otherwise
  (about twice in 10^8) it is refused.
- float64 `randn` *is* the C library's log, sin and cos, whose last bit changes with its version and with the
  processor's FMA unit. PyTorch itself has no single answer there, so it is refused.

Sources: PyTorch ATen/core/MT19937RNGEngine.h (twister), ATen/CPUGeneratorImpl.h (64-bit draws, kept normal),
ATen/core/TransformationHelper.h (uniform), ATen/core/DistributionsHelper.h (normal, fewer than 16 elements),
ATen/native/cpu/DistributionTemplates.h (normal, 16 elements and more), ATen/native/cpu/avx_mathfun.h (order
of operations of log and sincos; the coefficients are those of Moshier's Cephes library, single precision),
torch/nn/modules/rnn.py, torch/nn/modules/linear.py and torch/nn/init.py (parameters).
"""

import math
from collections.abc import Sequence
from decimal import Context, Decimal, localcontext
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["TorchGenerator"]

Floats = NDArray[np.floating[Any]]
Float32s = NDArray[np.float32]
Float64s = NDArray[np.float64]

_ONE = np.float32(1.0)
_HALF = np.float32(0.5)
_TWO_PI = np.float32(2.0 * math.pi)
_SQRT_HALF = np.float32(0.707106781186547524)
_FOUR_OVER_PI = np.float32(1.27323954473516)
# ln 2 in two parts: the large one has few bits, so that its product with an exponent is exact.
_LN2_LARGE = np.float32(0.693359375)
_LN2_SMALL = np.float32(-2.12194440e-4)


def _float32s(*values: float) -> tuple[np.float32, ...]:
    return tuple(np.float32(value) for value in values)


# -pi/4 in three parts, for the argument reduction.
_MINUS_PI_4 = _float32s(-0.78515625, -2.4187564849853515625e-4, -3.77489497744594108e-8)
# Cephes, highest power first: log1p(x) = x - x^2/2 + x^3 * (...), sin x = x + x^3 * (...), cos x likewise.
_LOG_POLY = _float32s(
    7.0376836292e-2,
    -1.1514610310e-1,
    1.1676998740e-1,
    -1.2420140846e-1,
    1.4249322787e-1,
    -1.6668057665e-1,
    2.0000714765e-1,
    -2.4999993993e-1,
    3.3333331174e-1,
)
_SIN_POLY = _float32s(-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1)
_COS_POLY = _float32s(2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2)

_BLOCK = 16  # PyTorch's vectorised Box-Muller takes 8 radii, then 8 angles
_CHUNK = _BLOCK * 4096  # elements worked on at once: the temporaries stay in cache
_DIGITS = Context(prec=60)  # 53-bit fractions (53 digits) stay exact
_LIBM_SLACK = Decimal(2.0**-50)
# Magnitudes for which the float64 product is split without overflow or underflow.
_FLOAT64_LARGEST, _FLOAT64_SMALLEST = 2.0**900, 2.0**-900


def _add_to_odd(a: Float64s, b: Float64s) -> Float64s:
    """Return a + b rounded to odd: the exact sum, or else the one neighbour whose last bit is 1.

    A later rounding to fewer bits then gives what rounding the exact sum would have given (Boldo and
    Melquiond, "Emulation of a FMA and correctly rounded sums", IEEE Transactions on Computers 57, 2008).
    """
    total = a + b
    part = total - a
    error = (a - (total - part)) + (b - part)  # Knuth's TwoSum: total + error == a + b exactly
    bits = total.view(np.int64)
    step = np.where((error > 0) == (total > 0), 1, -1)  # away from zero, or towards it
    return np.asarray(bits + np.where((error != 0) & (bits & 1 == 0), step, 0)).view(np.float64)


def _fma32(a: Float32s, b: Float32s | np.float32, c: Float32s | np.float32) -> Float32s:
    """Return a * b + c rounded once to float32; the double product of two float32 is exact."""
    product = np.multiply(a, b, dtype=np.float64)
    return _add_to_odd(product, np.asarray(c, dtype=np.float64)).astype(np.float32)


def _split(a: Float64s) -> tuple[Float64s, Float64s]:
    """Return a as the sum of two doubles of at most 26 bits (Veltkamp)."""
    scaled = a * 134217729.0  # 2^27 + 1
    high = scaled - (scaled - a)
    return high, a - high


def _fma64(a: Float64s, b: float, c: float) -> Float64s:
    """Return a * b + c rounded once to float64 (Boldo and Melquiond 2008); no magnitude may be extreme."""
    factor = np.full_like(a, b)
    (a_high, a_low), (b_high, b_low) = _split(a), _split(factor)
    product = a * factor
    error = a_low * b_low - (((product - a_high * b_high) - a_low * b_high) - a_high * b_low)  # Dekker
    addend = np.full_like(a, c)
    low = addend + error
    part = low - addend
    low_error = (addend - (low - part)) + (error - part)
    high = product + low
    part = high - product
    high_error = (product - (high - part)) + (low - part)
    return high + _add_to_odd(high_error, low_error)


def _horner(coefficients: Sequence[np.float32], x: Float32s) -> Float32s:
    """Return the polynomial, highest power first, with one rounding a step."""
    value = np.full_like(x, coefficients[0])
    for coefficient in coefficients[1:]:
        value = _fma32(value, x, coefficient)
    return value


def _log32(x: Float32s) -> Float32s:
    """Return PyTorch's vectorised float32 logarithm of normal x > 0."""
    bits = x.view(np.int32)
    exponent = ((bits >> 23) - 126).astype(np.float32)
    fraction = ((bits & 0x007FFFFF) | 0x3F000000).view(np.float32)  # in [0.5, 1)
    low = fraction < _SQRT_HALF
    exponent = exponent - low.astype(np.float32)
    m = (fraction - _ONE) + np.where(low, fraction, np.float32(0.0))
    square = m * m
    value = _horner(_LOG_POLY, m) * m
    value = _fma32(value, square, exponent * _LN2_SMALL)
    value = _fma32(square, -_HALF, value)
    return _fma32(exponent, _LN2_LARGE, m + value)


def _sincos32(x: Float32s) -> tuple[Float32s, Float32s]:
    """Return PyTorch's vectorised float32 sine and cosine of x in [0, 2 pi]."""
    octant = ((x * _FOUR_OVER_PI).astype(np.int32) + 1) & ~1
    turns = octant.astype(np.float32)
    for part in _MINUS_PI_4:
        x = _fma32(turns, part, x)
    square = x * x
    cosine = _horner(_COS_POLY, square) * square
    # Of the two products in x^4 * (...) - x^2 / 2 the compiler fuses the first.
    cosine = _fma32(cosine, square, -(square * _HALF)) + _ONE
    sine = _fma32(_horner(_SIN_POLY, square) * square, x, x)
    swap = (octant & 2) != 0
    sines, cosines = np.where(swap, cosine, sine), np.where(swap, sine, cosine)
    sines = np.where((octant & 4) != 0, -sines, sines)
    return sines, np.where(((octant + 2) & 4) != 0, -cosines, cosines)


def _box_muller_blocks(uniforms: Float32s) -> Float32s:
    """Return the normals that PyTorch makes of `uniforms`, a whole number of blocks of 16; same shape."""
    blocks = uniforms.reshape(-1, 2, _BLOCK // 2)
    radius = np.sqrt(np.float32(-2.0) * _log32(_ONE - blocks[:, 0]))
    sine, cosine = _sincos32(_TWO_PI * blocks[:, 1])
    # Adding the mean, 0, turns -0 into +0; the product with the deviation, 1, is exact.
    normals = np.stack((radius * cosine, radius * sine), axis=1) + np.float32(0.0)
    return normals.reshape(uniforms.shape)


def _sin_cos(x: Decimal) -> tuple[Decimal, Decimal]:
    """Return sin x and cos x, 0 <= x < 7, by Taylor series; in 60-digit arithmetic, to within 1e-54."""
    sums = [Decimal(0), Decimal(1)]
    term, n = Decimal(1), 0
    while n < 8 or abs(term) > Decimal("1e-58"):
        n += 1
        term = term * x / n
        sums[1 - n % 2] += -term if n % 4 >= 2 else term
    return sums[0], sums[1]


def _normal_pair(u1: float, u2: float) -> tuple[Decimal, Decimal]:
    """Return the exact Box-Muller pair (cosine's, sine's) of two doubles in [0, 1), to some 40 digits.

    The angle is the double 2 pi u1 as PyTorch rounds it; radius and products are not rounded to double.
    """
    with localcontext(_DIGITS):
        radius = (-2 * (1 - Decimal(u2)).ln()).sqrt()
        sine, cosine = _sin_cos(Decimal(2.0 * math.pi * u1))
        return radius * cosine, radius * sine


def _decided_float32(value: Decimal) -> np.float32:
    """Return `value` in float32, if no C library within 1 ulp in log1p, sin and cos could change it.

    PyTorch's double is off by the errors of two functions and two roundings, below 2^-50 of the value then.

    Raises:
        ValueError: the value lies too near the middle of two float32 numbers.
    """
    with localcontext(_DIGITS):
        one = np.float32(float(value * (1 - _LIBM_SLACK)))
        other = np.float32(float(value * (1 + _LIBM_SLACK)))
    if one != other:
        raise ValueError(
            f"this normal number, {value:.20g}, lies so near the middle of two float32 numbers that "
            "PyTorch's own rounding depends on the C library: use another seed"
        )
    return one + np.float32(0.0)  # as PyTorch's "+ mean": never -0


def _check_dtype(dtype: str) -> None:
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
        raise ValueError(f"uniform needs low <= high, neither extreme in {dtype}; got {low!r}, {high!r}")


def _count(shape: Sequence[int]) -> int:
    if any(size < 0 for size in shape):
        raise ValueError(f"sizes must not be negative: {tuple(shape)}")
    return math.prod(shape)


class TorchGenerator:
    """PyTorch's CPU generator after `torch.manual_seed(seed)`: each call continues the stream as there.

    All numbers are dimensionless; every array is new, C-contiguous and of the dtype asked for.

    Source: PyTorch ATen/core/MT19937RNGEngine.h, ATen/CPUGeneratorImpl.h.
    """

    def __init__(self, seed: int) -> None:
        """Seed the twister.

        Args:
            seed: -2^63 to 2^64 - 1, as `torch.manual_seed` takes it; a negative seed means seed + 2^64.
                PyTorch seeds the twister with the low 32 bits alone: seeds that agree in those give the same
                numbers.

        Raises:
            ValueError: the seed is out of that range.
        """
        if not -(2**63) <= seed < 2**64:
            raise ValueError(f"seed must be from -2^63 to 2^64 - 1, not {seed}")
        # Matsumoto and Nishimura's init_genrand (2002), written out: NumPy's own call for it is private.
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
            low: the lower bound, which can come out; for float32 it is first rounded to it.
            high: the upper bound, likewise, which cannot, unless it equals `low`.
            shape: any sizes, none for one number.
            dtype: "float32" or "float64".

        Raises:
            ValueError: another dtype, a negative size, bounds that PyTorch refuses (NaN, infinite,
                low > high, a span that overflows), or float64 bounds beyond 2^900 or closer than 2^-900,
                which the emulated rounding does not cover.

        Source: PyTorch ATen/core/TransformationHelper.h, ATen/native/cpu/DistributionTemplates.h.
        """
        _check_dtype(dtype)
        low, high = float(low), float(high)
        _check_bounds(low, high, dtype)
        count = _count(shape)
        if dtype == "float64":
            wide = _fma64(self._fractions64(count), high - low, low)
            return np.where(wide == high, low, wide).reshape(shape)
        first, last = np.float32(low), np.float32(high)
        values = _fma32(self._fractions32(count), last - first, first)
        # The one rounding can reach the open bound; PyTorch then gives the other one.
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

        Fewer than 16 elements are made in pairs; an odd one is kept for the next such call, as in PyTorch.

        Raises:
            ValueError: dtype "float64" (PyTorch's bits then depend on the C library and the processor;
                nothing is drawn), any other dtype, a negative size, or, for fewer than 16 elements and about
                twice in 10^8 numbers, a value whose float32 rounding the C library decides (this generator is
                then out of step with PyTorch's).

        Source: PyTorch ATen/native/cpu/DistributionTemplates.h and avx_mathfun.h, and
        ATen/core/DistributionsHelper.h.
        """
        _check_dtype(dtype)
        if dtype == "float64":
            raise ValueError(
                "float64 randn is refused: PyTorch takes log, sin and cos from the C library there, and "
                "their last bit differs between C libraries and processors; draw float32 and convert it"
            )
        count = _count(shape)
        if count < _BLOCK:
            values = np.zeros(count, dtype=np.float32)
            for i in range(count):
                values[i] = _decided_float32(self._small_normal())
        else:
            values = self._large_normal(count)
        return values.reshape(shape)

    def _small_normal(self) -> Decimal:
        """Return the next normal for fewer than 16 elements: the kept one, else the first of a new pair."""
        if self._next_normal is not None:
            kept, self._next_normal = self._next_normal, None
            return kept
        u1, u2 = self._fractions64(2).tolist()
        value, self._next_normal = _normal_pair(u1, u2)
        return value

    def _large_normal(self, count: int) -> Float32s:
        """Return `count` >= 16 normals of the vectorised path."""
        values = self._fractions32(count)
        whole = count - count % _BLOCK
        for start in range(0, whole, _CHUNK):
            part = slice(start, min(start + _CHUNK, whole))
            values[part] = _box_muller_blocks(values[part])
        if whole < count:
            # PyTorch draws 16 new uniforms for the last 16 places and overwrites what stood there.
            values[-_BLOCK:] = _box_muller_blocks(self._fractions32(_BLOCK))
        return values

    def lstm(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bidirectional: bool = False,
        bias: bool = True,
        proj_size: int = 0,
        dtype: str = "float32",
    ) -> list[dict[str, Floats]]:
        """Return the initial parameters of `torch.nn.LSTM(...)`: all uniform in [-H^-1/2, H^-1/2).

        One dict for each layer and direction, row = layer * D + direction (0 forward, 1 reverse; D
        directions), keys in PyTorch's order, gates stacked i, f, g, o. With H = hidden_size, P = proj_size
        or H, I = input_size in layer 0, else D * P: weight_ih (4H, I), weight_hh (4H, P); with `bias`
        bias_ih (4H,) and bias_hh (4H,); with a projection weight_hr (P, H).

        Raises:
            ValueError: another dtype, a size or number of layers below 1, or proj_size not in 0 <= P < H.

        Source: torch/nn/modules/rnn.py, RNNBase.
        """
        _check_dtype(dtype)
        if min(input_size, hidden_size, num_layers) < 1 or not 0 <= proj_size < hidden_size:
            raise ValueError(
                "nn.LSTM needs input_size, hidden_size, num_layers above 0 and 0 <= proj_size < hidden_size, "
                f"not {input_size}, {hidden_size}, {num_layers}, {proj_size}"
            )
        directions, outputs, gates = 1 + bool(bidirectional), proj_size or hidden_size, 4 * hidden_size
        bound = 1.0 / math.sqrt(hidden_size)
        rows: list[dict[str, Floats]] = []
        for row in range(num_layers * directions):
            inputs = input_size if row < directions else directions * outputs
            shapes: dict[str, tuple[int, ...]] = {"weight_ih": (gates, inputs), "weight_hh": (gates, outputs)}
            if bias:
                shapes |= {"bias_ih": (gates,), "bias_hh": (gates,)}
            if proj_size:
                shapes["weight_hr"] = (proj_size, hidden_size)
            rows.append({name: self.uniform(-bound, bound, shape, dtype) for name, shape in shapes.items()})
        return rows

    def linear(
        self, in_features: int, out_features: int, bias: bool = True, dtype: str = "float32"
    ) -> dict[str, Floats]:
        """Return the initial parameters of `torch.nn.Linear(...)`: all uniform in about [-I^-1/2, I^-1/2).

        Keys: weight (out_features, in_features) and, with `bias`, bias (out_features,).

        Raises:
            ValueError: another dtype, or a number of features below 1.

        Source: torch/nn/modules/linear.py, torch/nn/init.py (kaiming_uniform_ with a = sqrt 5).
        """
        _check_dtype(dtype)
        if min(in_features, out_features) < 1:
            raise ValueError(f"nn.Linear needs a feature each way or more, not {in_features}, {out_features}")
        # Kaiming's bound is 1 / sqrt(I) only on paper; its roundings in double are kept, step by step.
        slope = math.sqrt(5.0)
        gain = math.sqrt(2.0 / (1.0 + slope * slope))
        bound = math.sqrt(3.0) * (gain / math.sqrt(in_features))
        parameters = {"weight": self.uniform(-bound, bound, (out_features, in_features), dtype)}
        if bias:
            bound = 1.0 / math.sqrt(in_features)
            parameters["bias"] = self.uniform(-bound, bound, (out_features,), dtype)
        return parameters
