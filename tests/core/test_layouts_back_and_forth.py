"""Weights packed in a layout come back as they were, each number once, and what does not fit is refused."""

import re
from dataclasses import replace
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from numbered_weights import LAYOUTS, fits, has_two_biases, same, weights, with_options

from conformance.adapters.layouts import (
    KERAS,
    Layout,
    pack,
    unpack,
)


@pytest.mark.parametrize("name", LAYOUTS)
@pytest.mark.parametrize(("I", "H"), [(3, 2), (2, 3), (1, 1), (4, 4), (1, 5)])
def test_what_is_packed_is_unpacked(name: str, I: int, H: int) -> None:
    layout, original = LAYOUTS[name], weights(I, H)
    if not has_two_biases(layout):
        original = replace(original, b_r=np.zeros_like(original.b_w))
    assert same(unpack(layout, pack(layout, original), I, H), original)


@pytest.mark.parametrize("name", LAYOUTS)
def test_what_is_unpacked_is_packed(name: str) -> None:
    layout = LAYOUTS[name]
    numbered, count = {}, 0
    for key, array in pack(layout, weights()).items():
        numbered[key] = np.arange(count, count + array.size, dtype=np.float64).reshape(array.shape)
        count += array.size
    back = pack(layout, unpack(layout, numbered, 3, 2))
    assert back.keys() == numbered.keys()
    assert all(np.array_equal(back[key], numbered[key]) for key in numbered)


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_number_is_packed_once_and_the_originals_stay(name: str) -> None:
    layout, original = LAYOUTS[name], weights()
    packed = pack(layout, original)
    flat = np.concatenate([array.ravel() for array in packed.values()])
    biases = [original.b_w, original.b_r] if has_two_biases(layout) else [original.bias]
    wanted = np.concatenate([original.W.ravel(), original.R.ravel(), *(b.ravel() for b in biases if b is not None)])
    assert sorted(flat) == sorted(wanted)
    for array in packed.values():
        array[...] = 0
    assert same(original, weights())


@pytest.mark.parametrize("name", LAYOUTS)
@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16, np.float32, np.float64])
def test_packed_tensors_have_the_dtype_of_the_weights_and_lie_in_row_major_order(name: str, dtype: Any) -> None:
    for array in pack(LAYOUTS[name], weights(dtype=dtype)).values():
        assert array.dtype == dtype and array.flags.c_contiguous


@pytest.mark.parametrize("name", LAYOUTS)
def test_absent_biases_are_zeros(name: str) -> None:
    layout = LAYOUTS[name]
    original = replace(weights(), b_w=None, b_r=None)
    with_zeros = replace(original, b_w=np.zeros((4, 2), np.float32), b_r=np.zeros((4, 2), np.float32))
    packed, wanted = pack(layout, original), pack(layout, with_zeros)
    assert packed.keys() == wanted.keys()
    assert all(np.array_equal(packed[key], wanted[key]) and packed[key].dtype == np.float32 for key in packed)


@pytest.mark.parametrize("name", LAYOUTS)
@pytest.mark.parametrize(("P", "H"), [(5, 2), (2, 3), (1, 1), (3, 3)])
def test_peepholes_and_projections_are_packed_and_unpacked(name: str, P: int, H: int) -> None:
    layout = LAYOUTS[name]
    original = fits(layout, with_options(P if layout.projection else H, H))
    if not has_two_biases(layout):
        original = replace(original, b_r=np.zeros_like(original.b_w))
    packed = pack(layout, original)
    assert same(unpack(layout, packed, 3, H), original)
    assert all(array.dtype == np.float32 and array.flags.c_contiguous for array in packed.values())


@pytest.mark.parametrize("name", LAYOUTS)
def test_weights_without_peepholes_or_projection_have_no_tensors_of_theirs(name: str) -> None:
    layout = LAYOUTS[name]
    more = pack(layout, fits(layout, with_options())).keys() - pack(layout, weights()).keys()
    assert bool(more) is bool(layout.peephole or layout.projection)


# What does not fit.


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_missing_tensor_is_a_key_error(name: str) -> None:
    packed = pack(LAYOUTS[name], weights())
    for key in packed:
        with pytest.raises(KeyError, match=f"^'{key}'$"):
            unpack(LAYOUTS[name], {k: a for k, a in packed.items() if k != key}, 3, 2)


@pytest.mark.parametrize("name", LAYOUTS)
@pytest.mark.parametrize(("I", "H"), [(4, 2), (2, 2), (3, 1), (3, 3), (3, 4)])
def test_other_sizes_are_a_value_error(name: str, I: int, H: int) -> None:
    with pytest.raises(ValueError):
        unpack(LAYOUTS[name], pack(LAYOUTS[name], weights()), I, H)


def test_the_text_says_how_many_columns_are_needed() -> None:
    with pytest.raises(ValueError, match=r"^kernel: 3 columns where 5 are needed$"):
        unpack(KERAS, pack(KERAS, weights()), 5, 2)


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"gates": "coif"}, "gates 'coif': needs an order of i, f, g and o, where g is the cell candidate"),
        ({"gates": "ifo"}, "gates 'ifo': needs an order of "),
        ({"tensors": {"w": ("W", "U")}}, "w: has no part 'U'; the parts are W, R, b_w, b_r, gamma, beta, b"),
        ({"tensors": {"bias": "b_w"}}, "bias: has no part '_'; "),
        ({"transposed": True, "folded": True}, "matrices are transposed or folded: give one of the two"),
    ],
)
def test_a_layout_that_cannot_be_is_refused(fields, problem):
    with pytest.raises(ValueError, match=f"^{re.escape(problem)}"):
        Layout(**{"gates": "ifgo", "tensors": {"w": ("W", "R")}} | fields)
