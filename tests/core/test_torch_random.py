"""TorchGenerator against values recorded from PyTorch: this file needs no PyTorch.

Every number and digest below was made by PyTorch 2.13.0+cpu (Linux x86-64, CPU capability AVX2) with

    import hashlib, torch

    def digest(*tensors):
        return hashlib.sha256(b"".join(t.detach().numpy().tobytes() for t in tensors)).hexdigest()

    def at(seed, make):
        torch.manual_seed(seed)
        return make()

    at(0, lambda: torch.randn(4)).tolist()  # float.hex of each, likewise the other literals
    digest(at(1, lambda: torch.randn(17)))  # a digest of each single call
    digest(at(3, lambda: torch.rand(1000, dtype=torch.float64)))
    digest(at(11, lambda: torch.empty(999).uniform_(-0.25, 0.125)))

    torch.manual_seed(1234)  # SEQUENCE, one digest a line
    lstm = torch.nn.LSTM(5, 7, num_layers=2, bidirectional=True, proj_size=3)  # digest(*lstm.parameters())
    head = torch.nn.Linear(6, 4)
    x = torch.randn(6, 5, 5)
    few = [torch.randn(3), torch.randn(2)]
    wide = torch.nn.LSTM(4, 6, bias=False, dtype=torch.float64)
    last = torch.randn(1)
"""

import hashlib
import math
from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from conformance.golden.torch_random import TorchGenerator, linear_parameters, lstm_parameters, normal
from conformance.golden.torch_random.fused import fma32, fma64
from conformance.golden.torch_random.normal import box_muller_blocks, decided_float32

RANDN = {
    (0, 1): "3b8ea0dd3165a7600cce7539f943a28fb9addc8e69c31ae805e26b91a2862b93",
    (0, 15): "feb39d97c8afee245f21d052413d07b2de3a4973c2085d7ed18ba5070e9c7a28",
    (0, 16): "7648137a31024642604465428f1598d06f595259ac993612918498d7cde9b70c",
    (1, 17): "9e976497df1a5075f4c5b44202da15cf3e2b518883881af8a93fe23e525271d4",
    (2**64 - 1, 31): "25ee33208fdedc15f742005b0694af82a32346940f96a4ad31ec078e34f250c2",
    (-5, 1000): "bd373bdc0943d07fcad232062f5734e80f00b1ff14d4fda6cffd8950b22f53c7",
    (2**31, 100003): "576872abbb2fcdeb7c5d6330cdc106f3e14744a09f17cd9fda85fc1566c4977a",
}
RAND = {
    (3, 1000, "float32"): "b138739ab45fc497a1a6b7cd4495947c8b1a3f4244cb6650ab902b818e3b3706",
    (3, 1000, "float64"): "3cf4e153f1a962ff7e78bd9a8947ee113d274696a8cb777d83e7c07135c94033",
    (-(2**63), 33, "float32"): "526485c4c5efe1d83131ebc851b7db7ed5bbe8b50ea19102dc897b0dca77d240",
    (-(2**63), 33, "float64"): "3578eac871820ca865d53b2d574df40b7d4a3c8677b0f4ded7565f48721e8d50",
}
UNIFORM = {
    (11, -0.25, 0.125, "float32"): "cfcc8aeda6fcd9c597b8521d21bfc6f8673cfb3f7d807e6b76e63914671bc614",
    (11, -0.25, 0.125, "float64"): "661604a74429c4671de5e8040988154bd79cdb31095ac27ff2b2c8b100cf4aa7",
    (12, 1.3, 5.7, "float32"): "ccf1db8fdfae403ec69a17b2af340c01b0c739103a3b4006a703897b887193fe",
    (12, 1.3, 5.7, "float64"): "2db0c7b98a0f7d6f2c3c37c94e065c019e3ab76b06d1b40feff1661258006bf1",
}
SEQUENCE = [
    "5d6e3bfd0f8b5197d4fabf8006939849f521ce284b7c7302cd648f74b59bfa23",
    "9bd76e1122bbbcc6c19d027760019c8c66b9e78acc31734b884dcab6a78ef44b",
    "f8a63b8da55be8a01f555ffed27b4730544ab40e5fa71909e28ee1c76dacc744",
    "f97a760e0a506095203d91f92915284e558bc1668dc3f45dee4f16c79fe20770",
    "1b33279dd316cfd8c06a33a32b680e85c0a23c03649ad2f2044ca8ea04454831",
    "7f484e22ad595ae951dceeab4b7a82ac77510869ad09929487ea3c5b627346cd",
]


def digest(*arrays: NDArray[Any]) -> str:
    # PyTorch ran on a little-endian machine.
    parts = (array.astype(array.dtype.newbyteorder("<")).tobytes() for array in arrays)
    return hashlib.sha256(b"".join(parts)).hexdigest()


def hexes(values: Iterable[float]) -> list[str]:
    return [float(value).hex() for value in values]


def test_first_numbers() -> None:
    assert hexes(TorchGenerator(0).randn(4)) == [
        "0x1.8a7eb80000000p+0",
        "-0x1.2c78a00000000p-2",
        "-0x1.16e2920000000p+1",
        "0x1.23096c0000000p-1",
    ]
    assert hexes(TorchGenerator(0).randn(16)[:4]) == [
        "-0x1.20370a0000000p+0",
        "-0x1.2701140000000p+0",
        "-0x1.0097ac0000000p-2",
        "-0x1.bc4aba0000000p-2",
    ]
    assert hexes(TorchGenerator(42).rand(3)) == [
        "0x1.c3b8cc0000000p-1",
        "0x1.d47b660000000p-1",
        "0x1.880d700000000p-2",
    ]
    assert hexes(TorchGenerator(42).rand(3, dtype="float64")) == [
        "0x1.dc66cbea3db30p-5",
        "0x1.01ae177aca870p-4",
        "0x1.fa3563ccea238p-4",
    ]
    assert hexes(TorchGenerator(7).uniform(-0.3, 0.7, (3,), "float32")) == [
        "0x1.e11f100000000p-3",
        "-0x1.9e80900000000p-4",
        "0x1.6fd5300000000p-2",
    ]
    assert hexes(TorchGenerator(7).uniform(-0.3, 0.7, (3,), "float64")) == [
        "-0x1.51d4becd69ab0p-6",
        "-0x1.af008fe2df470p-6",
        "0x1.1fcaa60d3373ap-1",
    ]


@pytest.mark.parametrize(("seed", "count"), RANDN)
def test_randn(seed: int, count: int) -> None:
    assert digest(TorchGenerator(seed).randn(count)) == RANDN[seed, count]


@pytest.mark.parametrize(("seed", "count", "dtype"), RAND)
def test_rand(seed: int, count: int, dtype: str) -> None:
    assert digest(TorchGenerator(seed).rand(count, dtype=dtype)) == RAND[seed, count, dtype]


@pytest.mark.parametrize(("seed", "low", "high", "dtype"), UNIFORM)
def test_uniform(seed: int, low: float, high: float, dtype: str) -> None:
    values = TorchGenerator(seed).uniform(low, high, (27, 37), dtype)
    assert values.shape == (27, 37)
    assert digest(values) == UNIFORM[seed, low, high, dtype]


def test_sequence() -> None:
    generator = TorchGenerator(1234)
    lstm = lstm_parameters(generator, 5, 7, num_layers=2, bidirectional=True, proj_size=3)
    head = linear_parameters(generator, 6, 4)
    x = generator.randn(6, 5, 5)
    few = [generator.randn(3), generator.randn(2)]
    wide = lstm_parameters(generator, 4, 6, bias=False, dtype="float64")
    last = generator.randn(1)
    groups: list[list[NDArray[Any]]] = [
        [array for row in lstm for array in row.values()],
        list(head.values()),
        [x],
        list(few),
        [array for row in wide for array in row.values()],
        [last],
    ]
    assert [digest(*group) for group in groups] == SEQUENCE


def test_lstm_rows_and_shapes() -> None:
    rows = lstm_parameters(TorchGenerator(0), 5, 7, num_layers=2, bidirectional=True, proj_size=3)
    shapes = [{name: array.shape for name, array in row.items()} for row in rows]
    first = {
        "weight_ih": (28, 5),
        "weight_hh": (28, 3),
        "bias_ih": (28,),
        "bias_hh": (28,),
        "weight_hr": (3, 7),
    }
    assert shapes == [first, first, first | {"weight_ih": (28, 6)}, first | {"weight_ih": (28, 6)}]
    assert [list(row) for row in rows] == [list(first)] * 4
    for array in (array for row in rows for array in row.values()):
        assert array.dtype == np.float32
        assert array.flags.c_contiguous


def test_empty_and_scalar_shapes() -> None:
    generator = TorchGenerator(0)
    assert generator.randn(0).shape == (0,)
    assert generator.rand(3, 0, dtype="float64").shape == (3, 0)
    assert generator.uniform(0.0, 1.0, (), "float32").shape == ()
    assert generator.randn(2, 3, 4).shape == (2, 3, 4)
    assert generator.randn(3).dtype == generator.randn(300).dtype == np.float32


def test_float64_randn_is_refused_and_draws_nothing() -> None:
    generator = TorchGenerator(0)
    for count in (0, 4, 40):
        with pytest.raises(ValueError, match="float64 randn is refused"):
            generator.randn(count, dtype="float64")
    assert digest(generator.randn(16)) == RANDN[0, 16]


def test_undecided_rounding_is_refused() -> None:
    # 1 + 2^-24 is the middle of two float32 numbers; an error of the C library could bridge 2^-52 beside it.
    middle = 1 + Decimal(2) ** -24
    for value in (middle, middle + Decimal(2) ** -52, -middle + Decimal(2) ** -52):
        with pytest.raises(ValueError, match="depends on the C library"):
            decided_float32(value)
    assert decided_float32(middle + Decimal(2) ** -48) == np.float32(1 + 2.0**-23)
    assert decided_float32(middle - Decimal(2) ** -48) == np.float32(1)


def test_undecided_number_of_a_real_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(normal, "_LIBM_SLACK", Decimal(2.0**-24))
    with pytest.raises(ValueError, match="use another seed"):
        TorchGenerator(0).randn(15)


@pytest.mark.parametrize("seed", [2**64, -(2**63) - 1])
def test_seed_out_of_range(seed: int) -> None:
    with pytest.raises(ValueError, match="seed"):
        TorchGenerator(seed)


@pytest.mark.parametrize("dtype", ["float16", "double", ""])
def test_other_dtypes(dtype: str) -> None:
    generator = TorchGenerator(0)
    for call in (
        lambda: generator.uniform(0.0, 1.0, (2,), dtype),
        lambda: generator.rand(2, dtype=dtype),
        lambda: generator.randn(2, dtype=dtype),
        lambda: lstm_parameters(generator, 2, 2, dtype=dtype),
        lambda: linear_parameters(generator, 2, 2, dtype=dtype),
    ):
        with pytest.raises(ValueError, match="dtype must be"):
            call()


@pytest.mark.parametrize(
    ("low", "high", "dtype"),
    [
        (1.0, 0.0, "float32"),
        (0.0, math.nan, "float32"),
        (math.nan, 0.0, "float64"),
        (-math.inf, 0.0, "float64"),
        (0.0, 1e39, "float32"),
        (-3e38, 3e38, "float32"),
        (0.0, 2.0**901, "float64"),
        (0.0, 2.0**-901, "float64"),
    ],
)
def test_bounds_refused(low: float, high: float, dtype: str) -> None:
    with pytest.raises(ValueError, match="uniform needs"):
        TorchGenerator(0).uniform(low, high, (2,), dtype)


def test_sizes_refused() -> None:
    generator = TorchGenerator(0)
    with pytest.raises(ValueError, match="negative"):
        generator.randn(2, -1)
    with pytest.raises(ValueError, match="negative"):
        generator.rand(-1)
    for sizes in ((0, 2, 1, 0), (2, 0, 1, 0), (2, 2, 0, 0), (2, 2, 1, 2), (2, 2, 1, -1)):
        with pytest.raises(ValueError, match=r"nn\.LSTM needs"):
            lstm_parameters(generator, sizes[0], sizes[1], num_layers=sizes[2], proj_size=sizes[3])
    for features in ((0, 1), (1, 0)):
        with pytest.raises(ValueError, match=r"nn\.Linear needs"):
            linear_parameters(generator, *features)


def test_zeros_are_positive() -> None:
    # A uniform of 0 gives a radius of -0, and the angles both signs of sine and cosine.
    uniforms = np.concatenate((np.zeros(8), np.arange(8) / 8)).astype(np.float32)
    assert box_muller_blocks(uniforms).tobytes() == bytes(64)
    assert decided_float32(Decimal("-0.0")).tobytes() == bytes(4)


def test_low_equals_high() -> None:
    for dtype in ("float32", "float64"):
        assert (TorchGenerator(0).uniform(0.5, 0.5, (100,), dtype) == 0.5).all()


def test_emulated_fma_against_exact_arithmetic() -> None:
    """Both emulated fused operations round the exact result once, near ties and under cancellation too."""
    rng = np.random.Generator(np.random.PCG64(1))
    x = (rng.integers(0, 2**53, 3000) * 2.0**-53).astype(np.float64)
    for low, span in ((-0.1, 0.2), (1.0, 2.0**-52), (-1.0, 1.0), (2.0**60, 3.0), (1e-300, 0.7), (-0.35, 0.7)):
        exact = [float(Fraction(v) * Fraction(span) + Fraction(low)) for v in x.tolist()]
        assert fma64(x, span, low).tolist() == exact
    # The exact sum lies 2^-103 beside the middle of two doubles: rounded twice, it would go to the wrong one.
    factor, base = np.array([(1 - 2.0**-30) * 2.0**-43]), 1024 + 2.0**-42
    assert fma64(factor, 1 + 2.0**-30, base) == base
    assert fma64(-factor, 1 + 2.0**-30, -base) == -base
    # a * b is a float32 tie and c far below it decides: a double sum rounded twice would lose c.
    a = np.array([1 + 2.0**-12, 1 - 2.0**-12], dtype=np.float32)
    tiny = np.array([2.0**-80, -(2.0**-80)], dtype=np.float32)
    for c in (tiny, -tiny):
        got = fma32(a, a, c)
        for value, factor, addend in zip(got.tolist(), a.tolist(), c.tolist(), strict=True):
            true = Fraction(factor) ** 2 + Fraction(addend)
            for side in (-math.inf, math.inf):
                neighbour = float(np.nextafter(np.float32(value), np.float32(side)))
                assert abs(Fraction(value) - true) < abs(Fraction(neighbour) - true)
