"""The arrays of a whole case: the recorded bytes, its shapes and dtype, and numbers that no other tensor changes.

The digests below are recorded results: a change of one means that every stored vector changes too.
"""

import hashlib
import math
from typing import Any

import numpy as np
import pytest
from made_arrays import HEAD, arrays, case, digest, tensors

from conformance.case.dtypes import DTypeName
from conformance.case.errors import GenerationError


def digest_of(**fields: Any) -> str:
    flat = tensors(**fields)
    return hashlib.sha256("".join(f"{name} {digest(flat[name])}\n" for name in sorted(flat)).encode()).hexdigest()


DIGESTS: dict[str, tuple[dict[str, Any], str]] = {
    "plain-f32": ({}, "6d3c83480797096f9854e9936ce51ad72684fe4f24df5b93a7e7a34a04e02119"),
    "plain-f64": ({"dtype": "float64"}, "d56e5909bb571ab45927bae8888390625bd10f8d43faf34b5ff6b3369f11bbae"),
    "plain-f16": ({"dtype": "float16"}, "2b4004366cb36f7cbc8d7f2b3da2a206418db56cc08d1c716baf5c8296d77e05"),
    "plain-bf16": ({"dtype": "bfloat16"}, "5771ba3210436b8cd3fa9120829381ce8cc5c3f14e9929615f532e7f7db15c8b"),
    "stack-head": (
        {"layers": 2, "direction": "bidirectional", "head": HEAD, "seed": 3},
        "6e38f2b35f76ebf17becadb74d6e1c0b29b644d27bfd910433e2a0a4bbc0f5e9",
    ),
    "lengths": (
        {"lengths": [3, 1], "padding": -7.5},
        "a46b292f02c61e71f6d1ae32ba4151629485e4e653ae9d2ca39e91973815555c",
    ),
    "integers-ramp": (
        {"x": {"integers": {"low": -9, "high": 9}}, "h0": {"ramp": {"first": 1, "divisor": 3}}},
        "13dbbef0b2c2813149332066bbe5512a77ea4d0a7198ee6a6c320d9ede49a23c",
    ),
    "keras": (
        {"weights": {"W": {"keras": "glorot_uniform"}, "b_w": {"keras": "unit_forget_bias"}}},
        "5a04ccfe5a41c3a6f1c7719514b811a0f97a074b7d27bc97d07288d087f00df5",
    ),
}


@pytest.mark.parametrize("name", DIGESTS)
def test_recorded_arrays(name: str) -> None:
    fields, recorded = DIGESTS[name]
    assert digest_of(**fields) == recorded


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_tensors_have_the_case_s_shapes_and_dtype(dtype: DTypeName) -> None:
    fields = {"layers": 2, "direction": "bidirectional", "head": HEAD, "lengths": [1, 4], "dtype": dtype}
    made, wanted = tensors(**fields), case(**fields)
    shapes = {f"weights.{n}": s for n, s in wanted.weight_shapes.items()}
    shapes |= {f"inputs.{n}": s for n, s in wanted.input_shapes.items()} | {"inputs.lengths": (2,)}
    assert {name: array.shape for name, array in made.items()} == shapes
    assert {a.dtype for n, a in made.items() if n != "inputs.lengths"} == {wanted.np_dtype}
    assert made["inputs.lengths"].dtype == np.int64 and made["inputs.lengths"].tolist() == [1, 4]


def test_absent_tensors_are_not_made() -> None:
    names = {"weights.W.0", "weights.R.0", "inputs.x", "inputs.c0"}
    assert tensors(bias=False, h0=None).keys() == names


@pytest.mark.parametrize(
    "more",
    [
        {"head": HEAD},
        {"layers": 3},
        {"lengths": [4, 4]},
        {"direction": "reverse"},
        {"forget_bias": 1.0},
        {"weights": {"W_y": {"constant": 1}}},
        {"blocks": [1, 3]},
    ],
)
def test_more_in_a_case_changes_no_tensor_that_was_there(more: dict[str, Any]) -> None:
    before, after = tensors(h0=None, c0=None), tensors(h0=None, c0=None, **more)
    assert before.keys() <= after.keys()
    for name, array in before.items():
        assert np.array_equal(array, after[name]), name


@pytest.mark.parametrize("fewer", [{"bias": False}, {"h0": None}, {"c0": None}])
def test_less_in_a_case_changes_no_tensor_that_stays(fewer: dict[str, Any]) -> None:
    before, after = tensors(), tensors(**fewer)
    assert after.keys() < before.keys()
    assert all(np.array_equal(before[name], array) for name, array in after.items())


def test_every_tensor_has_numbers_of_its_own() -> None:
    made = tensors(layers=2, direction="bidirectional", I=5, head=HEAD)
    firsts = [float(array.flat[0]) for name, array in made.items()]
    assert len(set(firsts)) == len(firsts)


def test_the_dtype_only_rounds() -> None:
    exact = tensors(dtype="float64")
    for dtype in ("float32", "float16", "bfloat16"):
        for name, array in tensors(dtype=dtype).items():
            if ".b_" not in name:  # biases lie on a grid that depends on the dtype
                assert np.array_equal(array, exact[name].astype(array.dtype)), (dtype, name)


# Padding, and what does not fit.


@pytest.mark.parametrize("dtype", ["float16", "float32"])
@pytest.mark.parametrize("padding", [1e3, -0.5, math.nan, math.inf])
def test_padding_stands_past_each_row_s_length_only(dtype: DTypeName, padding: float) -> None:
    plain = arrays(dtype=dtype).inputs.x
    padded = arrays(dtype=dtype, lengths=[1, 3], padding=padding).inputs.x
    assert np.array_equal(padded[:1, 0], plain[:1, 0]) and np.array_equal(padded[:3, 1], plain[:3, 1])
    past = np.concatenate([padded[1:, 0], padded[3:, 1]])
    assert np.array_equal(past, np.full((4, 3), padding, dtype), equal_nan=True)


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"x": {"constant": 65520.0}}, "x"),
        ({"h0": {"integers": {"low": 70000, "high": 80000}}}, "h0"),
        ({"weights": {"b_r": {"constant": -1e6}}}, "b_r.0"),
        ({"lengths": [1, 4], "padding": 1e5}, "padding"),
    ],
)
def test_a_number_too_large_for_float16_is_refused(fields: dict[str, Any], name: str) -> None:
    with pytest.raises(GenerationError, match=rf"^fam/a: {name} holds numbers too large for float16$"):
        arrays(dtype="float16", **fields)
    arrays(dtype="bfloat16", **fields)


def test_the_largest_float16_is_not_refused() -> None:
    assert np.unique(arrays(dtype="float16", x={"constant": 65519.0}).inputs.x).tolist() == [65504.0]


def test_a_given_infinity_is_no_overflow() -> None:
    assert np.all(np.isinf(arrays(dtype="float16", x={"constant": math.inf}).inputs.x))
