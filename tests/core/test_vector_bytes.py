"""One vector: its bytes, and what counts as a difference between two."""

import json
import struct
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from stores import cases_of, checked, made

from conformance.case.tensors import Array, Arrays
from conformance.golden.store import VectorStore
from conformance.golden.vector import Vector

BFLOAT16 = np.dtype(ml_dtypes.bfloat16)


def small_vector() -> Vector:
    tensors: dict[str, Array] = {
        "weights.W.0": np.arange(-4, 4).reshape(4, 2, 1).astype(BFLOAT16),
        "weights.R.0": np.full((4, 2, 2), 2.0**-24, np.float16),
        "weights.W_y": np.array([[0.1, -0.0]]),
        "inputs.x": np.array([[[np.nan]], [[-np.inf]]], np.float32),
        "inputs.lengths": np.array([1], np.int64),
    }
    golden = {"y": np.array([[[5e-324, -0.0]], [[np.pi, -1e300]]]), "c_n": np.zeros((1, 1, 2))}
    kappa = {"y": np.array([[[0.0, 1.0]], [[2.0**-100, 2.0**100]]]), "c_n": np.array([[[0.5, 0.0]]])}
    return Vector(Arrays.from_tensors(tensors), golden, kappa)


def assert_same(a: dict[str, Array], b: dict[str, Array]) -> None:
    assert a.keys() == b.keys()
    for name, array in a.items():
        assert (array.dtype, array.shape) == (b[name].dtype, b[name].shape), name
        assert array.tobytes() == b[name].tobytes(), name


def test_a_vector_survives_its_bytes() -> None:
    vector = small_vector()
    back = Vector.from_bytes(vector.to_bytes())
    assert_same(dict(back.arrays.flat), dict(vector.arrays.flat))
    assert_same(back.golden, vector.golden)
    assert_same(back.kappa, vector.kappa)
    assert back.to_bytes() == vector.to_bytes()
    assert back.arrays.weights.rows[0].W.dtype == BFLOAT16
    assert back.arrays.inputs.h0 is None


OPTIONS = """\
family: options
defaults: {T: 4, B: 3, I: 2, H: 5, padding: .nan}
cases:
  - {name: empty-batch, B: 0, lengths: [], skip: []}
  - {name: holes, skip: [[1], [], [0, 3]], lengths: [4, 0, 4]}
  - {name: poison, poison: {tensor: x, at: [1, 1, 0], value: .nan}, activations: {cell: relu}}
  - {name: poison-infinity, poison: {tensor: c0, at: [0, 2, 3], value: -.inf}}
  - {name: cell, peephole: true, P: 7, projection_bias: true, layer_norm: nnapi, coupling: input=1-forget}
"""


def test_vectors_of_every_option_are_made_kept_and_made_again_alike(tmp_path: Path) -> None:
    pytest.importorskip("flint")
    cases = cases_of(OPTIONS, tmp_path)
    assert made(cases, tmp_path / "vectors").problems == []
    assert checked(cases, tmp_path / "vectors") == []
    vectors = {case.id.partition("/")[2]: VectorStore(tmp_path / "vectors").load(case) for case in cases}
    for vector in vectors.values():
        back = Vector.from_bytes(vector.to_bytes())
        assert vector.difference(back) is None
        assert_same(dict(back.arrays.flat), dict(vector.arrays.flat))
    assert vectors["empty-batch"].golden["y"].shape == (4, 0, 5)
    assert vectors["holes"].arrays.inputs.mask is not None
    assert vectors["holes"].arrays.inputs.mask.dtype == np.bool_
    assert vectors["holes"].arrays.inputs.mask.T.tolist()[0] == [True, False, True, True]
    assert np.isnan(vectors["poison"].golden["y"][1:, 1]).all()
    assert vectors["poison-infinity"].golden["c_n"][0, 2, 3] == -np.inf
    assert set(vectors["cell"].arrays.flat) == {
        *("inputs.x", "inputs.h0", "inputs.c0", "weights.W.0", "weights.R.0", "weights.b_w.0", "weights.b_r.0"),
        *("weights.peephole.0", "weights.projection.0", "weights.projection_bias.0", "weights.gamma.0"),
    }


def test_a_nan_that_moves_is_a_difference() -> None:
    vector = small_vector()
    golden = {**vector.golden, "c_n": np.array([[[np.nan, 0.0]]])}
    moved = {**vector.golden, "c_n": np.array([[[0.0, np.nan]]])}
    assert Vector(vector.arrays, golden, vector.kappa).difference(Vector(vector.arrays, moved, vector.kappa)) == (
        "golden c_n differs"
    )


def test_a_vector_is_a_safetensors_file() -> None:
    data = small_vector().to_bytes()
    (size,) = struct.unpack("<Q", data[:8])
    header, body = json.loads(data[8 : 8 + size]), data[8 + size :]
    found = {name: (entry["dtype"], entry["shape"]) for name, entry in header.items()}
    assert found == {
        "golden.c_n": ("F64", [1, 1, 2]),
        "golden.y": ("F64", [2, 1, 2]),
        "inputs.lengths": ("I64", [1]),
        "inputs.x": ("F32", [2, 1, 1]),
        "kappa.c_n": ("I8", [1, 1, 2]),
        "kappa.y": ("I8", [2, 1, 2]),
        "weights.R.0": ("F16", [4, 2, 2]),
        "weights.W.0": ("BF16", [4, 2, 1]),
        "weights.W_y": ("F64", [1, 2]),
    }
    start, end = header["weights.W.0"]["data_offsets"]
    assert body[start:end] == b"".join(struct.pack("<f", n)[2:] for n in range(-4, 4))
    start, end = header["kappa.y"]["data_offsets"]
    assert struct.unpack("4b", body[start:end]) == (-128, 0, -100, 100)


def test_the_order_of_tensors_does_not_change_the_bytes() -> None:
    vector = small_vector()
    turned = Vector(
        Arrays.from_tensors(dict(reversed(list(vector.arrays.flat.items())))),
        dict(reversed(vector.golden.items())),
        dict(reversed(vector.kappa.items())),
    )
    assert turned.to_bytes() == vector.to_bytes()


def test_strided_arrays_give_the_same_bytes() -> None:
    vector = small_vector()
    strided = {name: np.asfortranarray(array) for name, array in vector.golden.items()}
    assert Vector(vector.arrays, strided, vector.kappa).to_bytes() == vector.to_bytes()


@pytest.mark.parametrize(
    ("kappa", "kept"),
    [(0.0, 0.0), (3.0, 4.0), (2.8, 2.0), (0.7, 0.5), (0.71, 1.0), (1e-300, 2.0**-127), (1e300, 2.0**127)],
)
def test_kappa_is_kept_as_the_nearest_power_of_two(kappa: float, kept: float) -> None:
    vector = small_vector()
    back = Vector.from_bytes(
        Vector(vector.arrays, vector.golden, vector.kappa | {"c_n": np.full((1, 1, 2), kappa)}).to_bytes()
    )
    assert back.kappa["c_n"].tolist() == [[[kept, kept]]]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"golden.y": None, "golden.c_n": None, "kappa.y": None, "kappa.c_n": None}, "no golden values"),
        ({"kappa.y": None}, "no kappa for some"),
        ({"golden.y": None}, "no kappa for some"),
        ({"kappa.y": np.zeros((2, 2), np.int8)}, "kappa and the golden values have different shapes"),
        ({"weights.Q.0": np.zeros(1)}, "unexpected keyword argument 'Q'"),
        ({"weights.R.0": None}, "missing 1 required positional argument: 'R'"),
        ({"weights.W.first": np.zeros(1)}, "invalid literal"),
        ({"inputs.z": np.zeros(1)}, "unexpected keyword argument 'z'"),
        ({"inputs.x": np.zeros(1, np.uint16)}, "U16"),
    ],
)
def test_a_file_that_holds_no_vector_is_a_value_error(change: dict[str, Array | None], said: str) -> None:
    import safetensors.numpy

    tensors = safetensors.numpy.load(safe_bytes())
    for name, array in change.items():
        tensors.pop(name, None)
        if array is not None:
            tensors[name] = array
    with pytest.raises(ValueError, match=said):
        Vector.from_bytes(bytes(safetensors.numpy.save(tensors)))


def safe_bytes() -> bytes:
    """A vector without bfloat16, which safetensors' own NumPy reader does not take."""
    vector = small_vector()
    flat = {name: a.astype(np.float32) if a.dtype == BFLOAT16 else a for name, a in vector.arrays.flat.items()}
    return Vector(Arrays.from_tensors(flat), vector.golden, vector.kappa).to_bytes()


# What `difference` sees.


def changed(**tensors: Any) -> Vector:
    """small_vector with tensors replaced, as `golden__y=array`; None takes one away."""
    vector = small_vector()
    parts: dict[str, dict[str, Array]] = {"flat": dict(vector.arrays.flat)}
    parts |= {"golden": dict(vector.golden), "kappa": dict(vector.kappa)}
    for key, array in tensors.items():
        kind, _, name = key.partition("__")
        parts[kind].pop(name.replace("__", "."), None)
        if array is not None:
            parts[kind][name.replace("__", ".")] = array
    return Vector(Arrays.from_tensors(parts["flat"]), parts["golden"], parts["kappa"])


def test_equal_vectors_do_not_differ() -> None:
    assert small_vector().difference(small_vector()) is None


@pytest.mark.parametrize(
    ("tensors", "said"),
    [
        ({"golden__c_n": np.array([[[0.0, -0.0]]])}, "golden c_n differs"),
        ({"golden__c_n": np.array([[[0.0, 5e-324]]])}, "golden c_n differs"),
        ({"golden__c_n": np.zeros((1, 2, 1))}, "golden c_n differs"),
        ({"golden__c_n": np.zeros((1, 1, 2), np.float32)}, "golden c_n differs"),
        ({"golden__z": np.zeros(1), "kappa__z": np.zeros(1)}, "z is stored, but no longer generated"),
        ({"golden__c_n": None, "kappa__c_n": None}, "golden c_n differs"),
        ({"flat__weights__W__0": np.arange(-4, 4).reshape(4, 2, 1).astype(np.float32)}, "weights.W.0 differs"),
        ({"flat__inputs__lengths": None}, "inputs.lengths differs"),
        ({"flat__inputs__h0": np.zeros(1)}, "inputs.h0 is stored, but no longer generated"),
        ({"kappa__c_n": np.array([[[1.0, 0.0]]])}, None),
        ({"kappa__c_n": np.array([[[0.25, 0.0]]])}, None),
        ({"kappa__c_n": np.array([[[2.0, 0.0]]])}, "kappa c_n differs by 2 steps"),
        ({"kappa__c_n": np.array([[[0.5, 0.5]]])}, "kappa c_n differs by 127 steps"),
    ],
)
def test_any_other_bytes_differ_but_kappa_may_by_one_step(tensors: dict[str, Any], said: str | None) -> None:
    assert small_vector().difference(changed(**tensors)) == said
