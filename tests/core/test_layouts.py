"""Weight layouts: what each framework's tensors hold, number by number, and that nothing is lost on the way back."""

import re
from dataclasses import replace
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from conformance.adapters import layouts
from conformance.adapters.layouts import (
    DEEP_BREATHE,
    KERAS,
    KERAS2_CUDNN,
    ONNX,
    TF1_CELL,
    TF_BLOCK,
    TF_BLOCK_V2,
    TORCH,
    Layout,
    pack,
    unpack,
)
from conformance.adapters.litert_model import LITERT
from conformance.case.tensors import Array, LayerWeights

SEPARATE = Layout("figo", {"{gate}_w": ("W",), "{gate}_r": ("R",), "{gate}_b": ("b",)}, separate=True)
SEPARATE_FOLDED = Layout(
    "gifo", {"{gate}_m": ("W", "b_w"), "{gate}_r": ("R",), "b_{gate}": ("b_r",)}, folded=True, separate=True
)
SEPARATE_COLUMNS = Layout("ogfi", {"{gate}": ("R", "b", "W")}, transposed=True, separate=True)
LAYOUTS = {name: layout for name, layout in vars(layouts).items() if isinstance(layout, Layout)}
LAYOUTS |= {"LITERT": LITERT, "SEPARATE": SEPARATE, "SEPARATE_COLUMNS": SEPARATE_COLUMNS}
LAYOUTS |= {"SEPARATE_FOLDED": SEPARATE_FOLDED}

i, f, g, o = 1000, 2000, 3000, 4000
GATES = np.array([i, f, g, o])


def weights(I: int = 3, H: int = 2, dtype: Any = np.float32) -> LayerWeights:
    """Every number says what it is: gate (thousands), tensor W 100, R 200, b_w 300, b_r 400, then row and column."""
    rows, columns = 10 * np.arange(H)[:, None], np.arange(max(I, H))
    gates = GATES[:, None, None]
    matrix = gates + rows + columns
    b_w, b_r = GATES[:, None] + 300 + rows[:, 0], GATES[:, None] + 400 + rows[:, 0]
    return LayerWeights(*(a.astype(dtype) for a in (matrix[:, :, :I] + 100, matrix[:, :, :H] + 200, b_w, b_r)))


def same(a: LayerWeights, b: LayerWeights) -> bool:
    pairs = [(getattr(a, name), getattr(b, name)) for name in LayerWeights.__dataclass_fields__]
    return all(x is y is None or (x.dtype == y.dtype and np.array_equal(x, y)) for x, y in pairs)


def has_two_biases(layout: Layout) -> bool:
    return any("b_w" in parts for parts in layout.tensors.values())


# Back and forth.


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


# Number by number: I = 3, H = 2.


def rows(order: tuple[int, ...], tensor: int, columns: int) -> list[list[int]]:
    """(gate * H, columns), written out by the rule of `weights`."""
    return [[gate + tensor + 10 * unit + n for n in range(columns)] for gate in order for unit in range(2)]


def listed(packed: dict[str, Array]) -> dict[str, Any]:
    return {name: array.tolist() for name, array in packed.items()}


def test_torch_is_i_f_g_o_in_rows_with_two_biases() -> None:
    assert listed(pack(TORCH, weights())) == {
        "weight_ih": [
            [1100, 1101, 1102],
            [1110, 1111, 1112],
            [2100, 2101, 2102],
            [2110, 2111, 2112],
            [3100, 3101, 3102],
            [3110, 3111, 3112],
            [4100, 4101, 4102],
            [4110, 4111, 4112],
        ],
        "weight_hh": [
            [1200, 1201],
            [1210, 1211],
            [2200, 2201],
            [2210, 2211],
            [3200, 3201],
            [3210, 3211],
            [4200, 4201],
            [4210, 4211],
        ],
        "bias_ih": [1300, 1310, 2300, 2310, 3300, 3310, 4300, 4310],
        "bias_hh": [1400, 1410, 2400, 2410, 3400, 3410, 4400, 4410],
    }


def test_onnx_is_i_o_f_g_in_rows_with_both_biases_one_behind_the_other() -> None:
    packed = listed(pack(ONNX, weights()))
    assert packed["W"] == [
        [1100, 1101, 1102],
        [1110, 1111, 1112],
        [4100, 4101, 4102],
        [4110, 4111, 4112],
        [2100, 2101, 2102],
        [2110, 2111, 2112],
        [3100, 3101, 3102],
        [3110, 3111, 3112],
    ]
    assert packed["R"] == [
        [1200, 1201],
        [1210, 1211],
        [4200, 4201],
        [4210, 4211],
        [2200, 2201],
        [2210, 2211],
        [3200, 3201],
        [3210, 3211],
    ]
    wb, rb = [1300, 1310, 4300, 4310, 2300, 2310, 3300, 3310], [1400, 1410, 4400, 4410, 2400, 2410, 3400, 3410]
    assert packed["B"] == wb + rb
    assert packed.keys() == {"W", "R", "B"}


def test_keras_is_i_f_g_o_in_columns_with_one_bias() -> None:
    assert listed(pack(KERAS, weights())) == {
        "kernel": [
            [1100, 1110, 2100, 2110, 3100, 3110, 4100, 4110],
            [1101, 1111, 2101, 2111, 3101, 3111, 4101, 4111],
            [1102, 1112, 2102, 2112, 3102, 3112, 4102, 4112],
        ],
        "recurrent_kernel": [
            [1200, 1210, 2200, 2210, 3200, 3210, 4200, 4210],
            [1201, 1211, 2201, 2211, 3201, 3211, 4201, 4211],
        ],
        "bias": [2700, 2720, 4700, 4720, 6700, 6720, 8700, 8720],
    }


def test_keras_2_s_cudnnlstm_holds_each_gate_s_matrix_row_by_row_in_its_block_of_columns() -> None:
    assert listed(pack(KERAS2_CUDNN, weights())) == {
        "kernel": [  # the input gate's matrix is [1100, 1101, 1102], [1110, 1111, 1112]
            [1100, 1101, 2100, 2101, 3100, 3101, 4100, 4101],
            [1102, 1110, 2102, 2110, 3102, 3110, 4102, 4110],
            [1111, 1112, 2111, 2112, 3111, 3112, 4111, 4112],
        ],
        "recurrent_kernel": [
            [1200, 1201, 2200, 2201, 3200, 3201, 4200, 4201],
            [1210, 1211, 2210, 2211, 3210, 3211, 4210, 4211],
        ],
        "bias": [1300, 1310, 2300, 2310, 3300, 3310, 4300, 4310, 1400, 1410, 2400, 2410, 3400, 3410, 4400, 4410],
    }


def test_tensorflow_s_block_kernels_have_x_above_h_in_one_matrix() -> None:
    assert listed(pack(TF_BLOCK, weights())) == {
        "w": [
            [1100, 1110, 3100, 3110, 2100, 2110, 4100, 4110],
            [1101, 1111, 3101, 3111, 2101, 2111, 4101, 4111],
            [1102, 1112, 3102, 3112, 2102, 2112, 4102, 4112],
            [1200, 1210, 3200, 3210, 2200, 2210, 4200, 4210],
            [1201, 1211, 3201, 3211, 2201, 2211, 4201, 4211],
        ],
        "b": [2700, 2720, 6700, 6720, 4700, 4720, 8700, 8720],
    }


def test_tensorflow_s_second_block_kernel_has_f_before_g() -> None:
    assert listed(pack(TF_BLOCK_V2, weights())) == {
        "w": [
            [1100, 1110, 2100, 2110, 3100, 3110, 4100, 4110],
            [1101, 1111, 2101, 2111, 3101, 3111, 4101, 4111],
            [1102, 1112, 2102, 2112, 3102, 3112, 4102, 4112],
            [1200, 1210, 2200, 2210, 3200, 3210, 4200, 4210],
            [1201, 1211, 2201, 2211, 3201, 3211, 4201, 4211],
        ],
        "b": [2700, 2720, 4700, 4720, 6700, 6720, 8700, 8720],
    }


def test_deep_breathe_has_rows_f_i_g_o_and_columns_bias_h_x() -> None:
    assert listed(pack(DEEP_BREATHE, weights())) == {
        "weights": [
            [4700, 2200, 2201, 2100, 2101, 2102],
            [4720, 2210, 2211, 2110, 2111, 2112],
            [2700, 1200, 1201, 1100, 1101, 1102],
            [2720, 1210, 1211, 1110, 1111, 1112],
            [6700, 3200, 3201, 3100, 3101, 3102],
            [6720, 3210, 3211, 3110, 3111, 3112],
            [8700, 4200, 4201, 4100, 4101, 4102],
            [8720, 4210, 4211, 4110, 4111, 4112],
        ],
    }


def test_a_tensor_for_every_gate() -> None:
    packed = listed(pack(SEPARATE, weights()))
    assert packed.keys() == {f"{gate}_{kind}" for gate in "ifgo" for kind in "wrb"}
    assert packed["f_w"] == rows((f,), 100, 3) and packed["g_r"] == rows((g,), 200, 2)
    assert packed["o_b"] == [8700, 8720]
    two_biases = Layout("ogfi", {"{gate}_b": ("b_r", "b_w")}, separate=True)
    assert listed(pack(two_biases, weights()))["f_b"] == [2400, 2410, 2300, 2310]
    assert listed(pack(SEPARATE_COLUMNS, weights()))["i"] == [
        [1200, 1210],
        [1201, 1211],
        [2700, 2720],
        [1100, 1110],
        [1101, 1111],
        [1102, 1112],
    ]


# The one bias of frameworks that have one.


# Peepholes and projections. A peephole says its gate (thousands) and unit (tens); a projection 500, its row and column.


def with_options(P: int = 5, H: int = 2, dtype: Any = np.float32) -> LayerWeights:
    peephole = (np.array([i, f, o])[:, None] + 600 + 10 * np.arange(H)).astype(dtype)
    projection = (500 + 10 * np.arange(P)[:, None] + np.arange(H)).astype(dtype)
    R = weights(H=max(P, H), dtype=dtype).R[:, :H, :P]
    return replace(weights(H=H, dtype=dtype), R=R, peephole=peephole, projection=projection)


def fits(layout: Layout, original: LayerWeights) -> LayerWeights:
    """The weights less what a layout has no place for."""
    peephole = original.peephole if layout.peephole else None
    projection = original.projection if layout.projection else None
    R = original.R if layout.projection else original.R[..., : original.W.shape[1]]
    return replace(original, R=R, peephole=peephole, projection=projection)


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


def test_the_projection_of_torch() -> None:
    packed = pack(TORCH, with_options(P=3))
    assert packed["weight_hr"].tolist() == [[500, 501], [510, 511], [520, 521]]
    assert packed["weight_hh"][0].tolist() == [1200, 1201, 1202]


def test_the_peepholes_of_onnx_are_i_o_f_one_behind_the_other() -> None:
    assert pack(ONNX, fits(ONNX, with_options(P=2)))["P"].tolist() == [1600, 1610, 4600, 4610, 2600, 2610]


@pytest.mark.parametrize("layout", [TF_BLOCK, TF_BLOCK_V2])
def test_the_peepholes_of_tensorflow_s_block_kernels_are_three_tensors(layout: Layout) -> None:
    packed = pack(layout, fits(layout, with_options(P=2)))
    assert {name: packed[name].tolist() for name in ("wci", "wcf", "wco")} == {
        "wci": [1600, 1610],
        "wcf": [2600, 2610],
        "wco": [4600, 4610],
    }


def test_the_cell_of_tensorflow_1_has_x_above_the_projected_h_and_its_projection_in_columns() -> None:
    packed = pack(TF1_CELL, with_options(P=3))
    assert packed["kernel"].shape == (3 + 3, 4 * 2)
    assert packed["kernel"][0].tolist() == [1100, 1110, 3100, 3110, 2100, 2110, 4100, 4110]
    assert packed["kernel"][3].tolist() == [1200, 1210, 3200, 3210, 2200, 2210, 4200, 4210]
    assert packed["w_f_diag"].tolist() == [2600, 2610] and packed["w_o_diag"].tolist() == [4600, 4610]
    assert packed["projection/kernel"].tolist() == [[500, 510, 520], [501, 511, 521]]


@pytest.mark.parametrize(
    ("dtype", "b_w", "b_r", "summed"),
    [
        (np.float32, 1.0, 2.0**-24, 1.0),  # a tie goes to even
        (np.float32, 1.0, 2.0**-24 + 2.0**-40, 1.0 + 2.0**-23),
        (np.float32, 2.0**24, 1.0, 2.0**24),
        (np.float16, 2048.0, 1.0, 2048.0),
        (np.float16, 2048.0, 3.0, 2052.0),
        (np.float16, 0.1, 0.2, 0.2998046875),
        (ml_dtypes.bfloat16, 256.0, 1.0, 256.0),
        (ml_dtypes.bfloat16, 256.0, 1.0078125, 258.0),
        (np.float64, 0.1, 0.2, 0.1 + 0.2),
    ],
)
def test_a_summed_bias_is_rounded_once(dtype: Any, b_w: float, b_r: float, summed: float) -> None:
    row = replace(weights(dtype=dtype), b_w=np.full((4, 2), b_w, dtype), b_r=np.full((4, 2), b_r, dtype))
    packed = pack(KERAS, row)["bias"]
    assert packed.dtype == dtype
    assert packed.astype(np.float64).tolist() == [summed] * 8


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
