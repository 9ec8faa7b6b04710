"""What each framework's tensors hold, number by number."""

from dataclasses import replace
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from numbered_weights import SEPARATE, SEPARATE_COLUMNS, f, fits, g, weights, with_options

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
)
from conformance.case.tensors import Array

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
