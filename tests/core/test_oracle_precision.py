"""What takes the oracle more bits (saturation, cancellation, chaos), and what no number of bits decides."""

from __future__ import annotations

from decimal import Context, Decimal, localcontext
from typing import Any

import numpy as np
import pytest
from oracle_cases import a_case, assert_same, gate_inputs, random_arrays, tanh

from conformance.case.errors import GenerationError
from conformance.case.tensors import Arrays

flint = pytest.importorskip("flint")

from conformance.lstm.oracle import prove  # noqa: E402 - needs flint
from conformance.lstm.oracle.forward import evaluate  # noqa: E402
from conformance.lstm.oracle.rounding import Undecided  # noqa: E402


@pytest.mark.parametrize("size", [1000.0, 1e30, 1e300])
def test_saturated_gates(size: float) -> None:
    case = a_case(T=3, H=4, dtype="float64", h0=None)
    up, down = size, -size
    #        open, then: keep c      write +1 each step   write -1        shut
    z = [[down, up, up, down], [up, up, down, down], [up, up, down, up], [up, up, up, down]]
    arrays = gate_inputs(case, z, c0=np.array([[[0.75, 0.5, 0.25, 0.125]]]))
    proof = prove(case, arrays)
    assert proof.outputs["c_n"].tolist() == [[[0.75, 3.5, -1.0, 0.0]]]
    with localcontext(Context(prec=60)):
        wanted = [float(tanh(Decimal(c))) for c in (0.75, 3.5, -1.0, 0.0)]
    assert_same(proof.outputs["h_n"], np.array([[wanted]]))
    assert proof.bits == 128


def test_a_zero_by_cancellation_is_proven_with_more_bits() -> None:
    """c = S(0.3) * 1 + S(0.3) * -1: the ball around 0 must be smaller than any subnormal."""
    case = a_case(dtype="float64", h0=None, activations={"cell": "linear"})
    arrays = gate_inputs(case, [[0.3], [0.3], [-1.0], [0.3]], c0=np.ones((1, 1, 1)))
    proof = prove(case, arrays, first_bits=256)
    assert_same(proof.outputs["c_n"], np.zeros((1, 1, 1)))
    assert proof.bits == 2048


@pytest.mark.parametrize(
    ("hidden", "wanted"),
    [
        ({"name": "thresholded_relu", "alpha": 1.0}, 0.0),
        ({"name": "thresholded_relu", "alpha": float(np.nextafter(1.0, 0.0))}, 1.0),
    ],
)
def test_a_ball_across_a_border_takes_both_branches(hidden: Any, wanted: float) -> None:
    """c = S(1000) is 1 less about 2**-1443: below the threshold 1, which 128 bits cannot tell."""
    case = a_case(dtype="float64", h0=None, c0=None, activations={"cell": "linear", "hidden": hidden})
    proof = prove(case, gate_inputs(case, [[1000.0], [0.0], [1.0], [1000.0]]))
    assert proof.outputs["y"].tolist() == [[[wanted]]]
    assert proof.bits == (128 if wanted else 2048)


def test_a_tie_that_is_not_computed_exactly_is_refused() -> None:
    """logits = S(0.3) + S(-0.3) + 2**-53 = 1 + 2**-53, halfway between two float64."""
    case = a_case(H=2, dtype="float64", h0=None, activations={"hidden": "linear"}, head={"O": 1})
    far = 2.0**20  # S(far) is 1 less about 2**-1512775
    z = [[-far, -far], [far, far], [0.0, 0.0], [0.3, -0.3]]
    arrays = gate_inputs(case, z, c0=np.ones((1, 1, 2)))
    head = {"weights.W_y": np.ones((1, 2)), "weights.b_y": np.array([2.0**-53])}
    with pytest.raises(GenerationError, match=r"test/oracle: still undecided with 512 bits: logits\[0, 0, 0\]"):
        prove(case, Arrays.from_tensors({**arrays.flat, **head}), most_bits=512)


def test_chaos_takes_more_bits_and_gives_the_same_numbers() -> None:
    case = a_case(T=150, I=2, H=12)
    arrays = random_arrays(case, gain=2.0)
    proof = prove(case, arrays, first_bits=64)
    assert proof.bits == 256
    again = prove(case, arrays, first_bits=1024)
    assert again.bits == 1024
    for name, array in proof.outputs.items():
        assert_same(again.outputs[name], array)
    with pytest.raises(Undecided, match="of 150 steps"):
        evaluate(case, arrays, 64)


def test_balls_hold_the_proven_numbers_at_every_precision() -> None:
    case = a_case(T=3, B=2, I=2, H=3, dtype="float64")
    arrays = random_arrays(case)
    fine, coarse = evaluate(case, arrays, 512), evaluate(case, arrays, 80)
    assert all(wide.contains(narrow) for wide, narrow in zip(coarse["y"].flat, fine["y"].flat, strict=True))


def test_working_precision_is_restored() -> None:
    case = a_case(T=2, B=1, I=2, H=2)
    before = flint.ctx.prec
    prove(case, random_arrays(case))
    with pytest.raises(GenerationError):
        prove(case, random_arrays(case), first_bits=20, most_bits=20)
    assert flint.ctx.prec == before
