"""Makes a case's weights and inputs from its sources, as canonical arrays in the case's dtype."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from typing import Any

import numpy as np

from conformance.case.errors import GenerationError
from conformance.case.model import Case
from conformance.case.source import Integers, Source
from conformance.case.tensors import Array, Arrays
from conformance.golden import ball_random
from conformance.golden.from_files import tensor_from
from conformance.golden.random import Stream
from conformance.golden.torch_random import TorchGenerator, linear_parameters, lstm_parameters

_GRID = {"float16": 8, "bfloat16": 6}
"""Biases are multiples of 2**-grid; in these dtypes, the sum of two biases is exact only on a coarser grid."""


def make_arrays(case: Case) -> Arrays:
    """The weights and inputs of a case, row = layer * D + direction; x is `case.padding` at the steps left out.

    Raises:
        GenerationError: a number does not fit the case's dtype, or a source needs a package that is not installed.
    """
    return Arrays.from_tensors(make_tensors(case))


def make_tensors(case: Case, only: Collection[str] | None = None) -> dict[str, Array]:
    """The same by flat names, as `weights.W.0`; `only`: those of these names, and what takes no time.

    Raises:
        GenerationError: as `make_arrays`.
    """
    tensors = _from_sources(case, only)
    if case.lengths is not None:
        tensors["inputs.lengths"] = np.array(case.lengths, np.int64)
    mask = _mask(case) if case.masked else None
    if mask is not None:
        _leave_out(case, mask, tensors)
    if case.targets_shape is not None:
        targets = _targets(case, case.targets_shape)
        if mask is not None:  # a masked case has logits of every step
            targets[~mask] = -1
        tensors["inputs.targets"] = targets
    if case.poison is not None:
        kind = "inputs" if case.poison.tensor in case.input_shapes else "weights"
        if (name := f"{kind}.{case.poison.tensor}") in tensors:
            tensors[name] = tensors[name].copy()
            tensors[name][case.poison.at] = case.poison.value
    return tensors


def _from_sources(case: Case, only: Collection[str] | None) -> dict[str, Array]:
    """The tensors as their sources fill them."""
    torch = _torch_tensors(case)
    wanted: dict[str, tuple[Any, str, tuple[int, ...]]]
    wanted = {f"weights.{name}": (case.weights, name, shape) for name, shape in case.weight_shapes.items()}
    wanted |= {f"inputs.{name}": (case, name, shape) for name, shape in case.input_shapes.items()}
    tensors: dict[str, Array] = {}
    for flat, (holder, name, shape) in wanted.items():
        if only is None or flat in only:
            field, _, row = name.partition(".")
            value = torch[name] if name in torch else _fill(case, getattr(holder, field), name, shape, int(row or 0))
            tensors[flat] = _in_dtype(case, name, value)
    return tensors


def _mask(case: Case) -> Array:
    """Which steps count, (T, B)."""
    mask = np.zeros((case.T, case.B), np.bool_)
    for b in range(case.B):
        mask[case.valid_steps(b), b] = True
    return mask


def _leave_out(case: Case, mask: Array, tensors: dict[str, Array]) -> None:
    """What is at the steps that do not count, and the mask where lengths do not say them."""
    if case.skip is not None:
        tensors["inputs.mask"] = mask
    if "inputs.x" in tensors:
        tensors["inputs.x"] = tensors["inputs.x"].copy()
        tensors["inputs.x"][~mask] = _in_dtype(case, "padding", case.padding)
    if "inputs.dy" in tensors:  # y at these steps depends on the adapter's contract, so no loss may depend on it
        tensors["inputs.dy"] = np.where(mask[..., None], tensors["inputs.dy"], tensors["inputs.dy"].dtype.type(0))


def _targets(case: Case, shape: tuple[int, ...]) -> Array:
    """Classes, int64; uniform over 0..O-1 if the case has no source for them."""
    assert case.head is not None
    source = case.targets or Source(integers=Integers(low=0, high=case.head.O - 1))
    return _fill(case, source, "targets", shape, 0).astype(np.int64)


def _fill(case: Case, source: Source, name: str, shape: tuple[int, ...], row: int) -> Array:
    """One tensor from any source except torch, float64."""
    if source.file is not None:
        return _from_file(case, source, name, shape)
    if source.values is not None:
        own = _levels(source.values) > len(shape)  # one entry per layer and direction
        return np.array(source.values[row] if own else source.values, np.float64)
    if source.constant is not None:
        return np.full(shape, source.constant)
    if source.ramp is not None:
        count = int(np.prod(shape))
        return (
            np.arange(source.ramp.first, source.ramp.first + count, dtype=np.float64) / source.ramp.divisor
        ).reshape(shape)
    if source.keras is not None:
        return _keras(case, source, name, shape)
    if source.uniform is not None:
        uniform = source.uniform
        stream = _stream(case, uniform.seed, name)
        if uniform.gain is not None:
            high = uniform.gain / float(np.sqrt(np.float64(shape[-1])))
            values = stream.uniform(-high, high, shape)
        else:
            assert uniform.low is not None
            assert uniform.high is not None
            values = stream.uniform(uniform.low, uniform.high, shape)
        if uniform.grid is not None:
            step = 2.0 ** -min(uniform.grid, _GRID.get(case.dtype, uniform.grid))
            values = np.rint(values / step) * step
        return values
    if source.integers is not None:
        return _stream(case, source.integers.seed, name).integers(source.integers.low, source.integers.high, shape)
    assert source.normal is not None
    normal = ball_random.normal(_stream(case, source.normal.seed, name), shape)
    return source.normal.mean + source.normal.deviation * normal


def _from_file(case: Case, source: Source, name: str, shape: tuple[int, ...]) -> Array:
    """A tensor of a file, whose numbers are those of the case: nothing is rounded unseen."""
    found = tensor_from(source, name)
    wanted = np.dtype(np.int64) if name == "targets" else case.np_dtype
    if found.shape != shape or found.dtype != wanted:
        raise GenerationError(f"{case.id}: {source.file}: {name} is {found.dtype} {found.shape}, not {wanted} {shape}")
    numbers = found.astype(np.float64)
    if not np.isfinite(numbers).all():
        raise GenerationError(f"{case.id}: {source.file}: {name} holds NaN or infinity; put it there with poison")
    return numbers


def _levels(values: Any) -> int:
    """The nesting depth of lists; 0 for a number."""
    return 1 + _levels(values[0]) if isinstance(values, list) else 0


def _keras(case: Case, source: Source, name: str, shape: tuple[int, ...]) -> Array:
    """keras.initializers for kernels (n, 4H) and the single bias (4H), converted to (4, H, n) and (4, H)."""
    if source.keras == "zeros":
        return np.zeros(shape)
    if source.keras == "unit_forget_bias":
        bias = np.zeros(shape)
        bias[1] = 1.0
        return bias
    stream = _stream(case, source.seed, name)
    rows, columns = shape[-1], int(np.prod(shape[:-1]))
    if source.keras == "glorot_uniform":
        limit = np.sqrt(np.float64(6.0) / (rows + columns))
        kernel = stream.uniform(-limit, limit, (rows, columns))
    else:
        kernel = ball_random.orthogonal(stream, rows, columns)
    return kernel.T.reshape(shape)


def _stream(case: Case, seed: int | None, name: str) -> Stream:
    """The stream of a tensor, from the source's seed, else the case's, else one derived from the case's id."""
    if seed is None:
        seed = case.seed
    if seed is None:
        seed = int.from_bytes(hashlib.sha256(case.id.encode()).digest()[:4], "little")
    return Stream(seed, name)


def _torch_tensors(case: Case) -> dict[str, Array]:
    """The tensors with a torch source, drawn in the order of a typical script (see `Source`)."""
    if case.torch_seed is None:
        return {}
    generator = TorchGenerator(case.torch_seed)
    drawn: dict[str, Array] = {}
    # torch's generator draws float32 or float64; half precision modules are made in float32 and then converted.
    dtype = "float64" if case.dtype == "float64" else "float32"
    if case.weights.W.torch:
        rows = lstm_parameters(generator, case.I, case.H, case.layers, case.D == 2, bias=case.bias, dtype=dtype)
        names = {"weight_ih": "W", "weight_hh": "R", "bias_ih": "b_w", "bias_hh": "b_r"}
        for row, parameters in enumerate(rows):
            for torch_name, value in parameters.items():
                name = f"{names[torch_name]}.{row}"
                drawn[name] = value.reshape(case.weight_shapes[name])
    if case.head is not None and case.weights.W_y.torch:
        linear = linear_parameters(generator, case.D * case.output_size, case.head.O, dtype=dtype)
        drawn |= {"W_y": linear["weight"], "b_y": linear["bias"]}
    for name, shape in case.input_shapes.items():
        source: Source = getattr(case, name)
        if source.torch is not None:
            try:
                drawn[name] = getattr(generator, source.torch)(*shape, dtype=dtype)
            except ValueError as error:  # the few numbers for which PyTorch's result depends on the machine
                raise GenerationError(f"{case.id}: {name}: torch: {source.torch}: {error}") from error
    return drawn


def _in_dtype(case: Case, name: str, value: Any) -> Array:
    with np.errstate(over="ignore"):
        rounded = np.asarray(value).astype(case.np_dtype)
    if np.any(np.isinf(rounded.astype(np.float64)) & ~np.isinf(np.asarray(value, np.float64))):
        raise GenerationError(f"{case.id}: {name} holds numbers too large for {case.dtype}")
    return rounded
