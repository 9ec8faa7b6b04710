"""TorchGenerator against the PyTorch installed here, bit for bit: each kind of draw, and sequences."""

import hashlib
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from conformance.golden.torch_random import TorchGenerator, linear_parameters, lstm_parameters

torch = pytest.importorskip("torch")

pytestmark = [
    pytest.mark.torch,
    pytest.mark.skipif(
        torch.backends.cpu.get_cpu_capability() not in ("AVX2", "AVX512"),
        reason="TorchGenerator reproduces PyTorch's AVX2 kernels; this PyTorch runs others",
    ),
]

COUNTS = [1, 2, 15, 16, 17, 31, 33, 1000, 100003]
SEEDS = [0, 1, 42, 2**32 - 1, 2**32 + 42, 2**63, 2**64 - 1, -1, -(2**63), 20240229]
DTYPES = ["float32", "float64"]
LSTMS: list[dict[str, Any]] = [
    {"input_size": 3, "hidden_size": 5},
    {"input_size": 1, "hidden_size": 1},
    {"input_size": 20, "hidden_size": 100},
    {"input_size": 4, "hidden_size": 6, "num_layers": 2},
    {"input_size": 4, "hidden_size": 6, "num_layers": 3, "bidirectional": True},
    {"input_size": 7, "hidden_size": 6, "num_layers": 2, "bidirectional": True, "proj_size": 3},
    {"input_size": 7, "hidden_size": 9, "num_layers": 3, "proj_size": 1},
    {"input_size": 5, "hidden_size": 8, "bias": False},
    {"input_size": 5, "hidden_size": 8, "bias": False, "num_layers": 2, "proj_size": 4},
]


def same(got: NDArray[Any], want: Any) -> None:
    """Assert that an array and a tensor agree in dtype, shape and every bit (the sign of zero too)."""
    expected = want.detach().numpy()
    assert got.dtype == expected.dtype
    assert got.shape == expected.shape
    words = np.uint32 if got.dtype == np.float32 else np.uint64
    np.testing.assert_array_equal(np.atleast_1d(got).view(words), np.atleast_1d(expected).view(words))


def start(seed: int) -> TorchGenerator:
    torch.manual_seed(seed)
    return TorchGenerator(seed)


def same_lstm(generator: TorchGenerator, options: dict[str, Any], dtype: str) -> None:
    rows = lstm_parameters(generator, **options, dtype=dtype)
    module = torch.nn.LSTM(**options, dtype=getattr(torch, dtype))
    directions = 2 if options.get("bidirectional") else 1
    named = [
        (f"{name}_l{row // directions}" + "_reverse" * (row % directions), array)
        for row, arrays in enumerate(rows)
        for name, array in arrays.items()
    ]
    assert [name for name, _ in named] == [name for name, _ in module.named_parameters()]
    for (_, array), parameter in zip(named, module.parameters(), strict=True):
        same(array, parameter)


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("seed", SEEDS)
def test_randn(seed: int, count: int) -> None:
    generator = start(seed)
    same(generator.randn(count), torch.randn(count))
    same(generator.rand(3), torch.rand(3))  # the streams are still in step


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("seed", SEEDS)
def test_rand(seed: int, count: int, dtype: str) -> None:
    generator = start(seed)
    same(generator.rand(count, dtype=dtype), torch.rand(count, dtype=getattr(torch, dtype)))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("low", "high"),
    [
        (-0.1, 0.1),
        (-1 / 3, 1 / 7),
        (1.3, 5.7),
        (-1e30, 1e30),
        (0.0, 1e-37),
        (1e-3, 1e6),
        (-1.0, 0.0),
        (1.0, 1.0 + 2.0**-23),  # float32: half of the sums round up to the open bound
        (1.0, 1.0 + 2.0**-52),  # float64: likewise
        (0.25, 0.25),
    ],
)
def test_uniform(low: float, high: float, dtype: str) -> None:
    for seed in SEEDS[:4]:
        generator = start(seed)
        for count in COUNTS:
            want = torch.empty(count, dtype=getattr(torch, dtype)).uniform_(low, high)
            same(generator.uniform(low, high, (count,), dtype), want)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("options", LSTMS, ids=str)
def test_lstm(options: dict[str, Any], dtype: str) -> None:
    for seed in SEEDS:
        same_lstm(start(seed), options, dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(("inputs", "outputs"), [(1, 1), (3, 2), (7, 5), (100, 10), (1000, 3)])
def test_linear(inputs: int, outputs: int, bias: bool, dtype: str) -> None:
    for seed in SEEDS:
        got = linear_parameters(start(seed), inputs, outputs, bias=bias, dtype=dtype)
        module = torch.nn.Linear(inputs, outputs, bias=bias, dtype=getattr(torch, dtype))
        assert list(got) == [name for name, _ in module.named_parameters()]
        for array, parameter in zip(got.values(), module.parameters(), strict=True):
            same(array, parameter)


def test_every_linear_bound() -> None:
    """The bound's roundings: every number of input features up to 600, both parameters, in float64."""
    for inputs in range(1, 601):
        got = linear_parameters(start(inputs), inputs, 1, dtype="float64")
        module = torch.nn.Linear(inputs, 1, dtype=torch.float64)
        same(got["weight"], module.weight)
        same(got["bias"], module.bias)


@pytest.mark.parametrize("seed", SEEDS)
def test_sequence(seed: int) -> None:
    """One stream through everything: the normal kept by an odd small randn survives the calls between."""
    generator = start(seed)
    for options, count in zip(LSTMS, COUNTS, strict=True):
        same_lstm(generator, options, "float32")
        same(generator.randn(count), torch.randn(count))
        module = torch.nn.Linear(6, 2)
        got = linear_parameters(generator, 6, 2)
        same(got["weight"], module.weight)
        same(got["bias"], module.bias)
        same(generator.randn(3), torch.randn(3))
        same_lstm(generator, options, "float64")
        same(generator.rand(2, 5, dtype="float64"), torch.rand(2, 5, dtype=torch.float64))
        same(generator.randn(5, 3, 2), torch.randn(5, 3, 2))


def test_many_small_randn() -> None:
    generator = start(99)
    for turn in range(400):
        same(generator.randn(turn % 16), torch.randn(turn % 16))


def test_many_large_randn() -> None:
    """Two million normals: nearly every step of the polynomials' ranges."""
    generator = start(100)
    got, want = generator.randn(2_000_003), torch.randn(2_000_003).numpy()
    assert hashlib.sha256(got.tobytes()).digest() == hashlib.sha256(want.tobytes()).digest()


def test_seeds_that_pytorch_refuses() -> None:
    for seed in (2**64, -(2**63) - 1):
        with pytest.raises((ValueError, RuntimeError)):
            torch.manual_seed(seed)
        with pytest.raises(ValueError, match="seed"):
            TorchGenerator(seed)
