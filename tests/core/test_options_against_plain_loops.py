"""Every option of the cell and of a sequence: oracle and reference against plain loops, also with options mixed."""

import math
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from plain_lstm import in_float64, plain_lstm
from witnesses import WITNESSES, Witness, a_case, by_oracle, by_reference, worst

from conformance.case.model import Case
from conformance.golden.inputs import make_arrays
from conformance.lstm.kappa import kappa

CLIP = {"bound": 0.7, "reading": "gates"}

# Each option stands with the fields without which it is nothing; taking it away must be noticed.

OPTIONS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"peephole": True}, {}),
    ({"peephole": True}, {"direction": "bidirectional", "layers": 2, "lengths": [2, 5, 3]}),
    ({"output_peephole": "previous-cell"}, {"peephole": True, "direction": "reverse", "lengths": [2, 5, 3]}),
    ({"output_peephole": "previous-cell"}, {"peephole": True, "cell_clip": 0.5, "gate_clip": CLIP}),
    ({"output_peephole": "previous-cell"}, {"peephole": True, "layer_norm": "nnapi", "P": 3}),
    ({"gate_clip": CLIP}, {}),
    ({"gate_clip": CLIP}, {"peephole": True, "direction": "reverse"}),
    ({"gate_clip": {"bound": 0.4, "reading": "all"}}, {"peephole": True, "forget_bias": 0.5}),
    ({"cell_clip": 0.5}, {}),
    ({"cell_clip": 0.5}, {"peephole": True, "direction": "bidirectional"}),
    ({"cell_clip": 0.5}, {"gate_clip": {"bound": 0.4, "reading": "all"}, "peephole": True}),
    ({"P": 3}, {}),
    ({"P": 3}, {"layers": 2, "direction": "bidirectional", "lengths": [2, 5, 3], "head": {"O": 2}}),
    ({"P": 6}, {"peephole": True}),
    ({"projection_bias": True}, {"P": 3, "layers": 2}),
    ({"projection_clip": 0.3}, {"P": 3}),
    ({"projection_clip": 0.3}, {"P": 3, "projection_bias": True, "direction": "reverse"}),
    ({"coupling": "forget=1-input"}, {}),
    ({"coupling": "forget=1-input"}, {"peephole": True, "gate_clip": CLIP}),
    ({"coupling": "input=1-forget"}, {}),
    ({"coupling": "input=1-forget"}, {"peephole": True, "forget_bias": 0.5, "cell_clip": 0.5}),
    ({"layer_norm": "basic-lstm-cell"}, {"bias": False}),
    ({"layer_norm": "basic-lstm-cell"}, {"bias": False, "forget_bias": 1.0, "layers": 2, "direction": "bidirectional"}),
    ({"layer_norm": "nnapi"}, {}),
    ({"layer_norm": "nnapi"}, {"bias": False}),
    ({"layer_norm": "nnapi"}, {"peephole": True, "coupling": "input=1-forget", "P": 3, "projection_bias": True}),
    ({"layer_norm": "nnapi"}, {"cell_clip": 0.5, "projection_clip": 0.3, "P": 3, "forget_bias": 0.5}),
    ({"forget_bias": 1.0}, {"layer_norm": "nnapi", "peephole": True}),
    ({"peephole": True}, {"layer_norm": "nnapi"}),
    ({"lengths": [0, 5, 0]}, {}),
    ({"lengths": [3, 0, 1]}, {"direction": "bidirectional", "layers": 2, "padding": math.nan, "head": {"O": 2}}),
    ({"skip": [[1], [], [0, 3, 4]]}, {"direction": "bidirectional", "layers": 2, "padding": math.nan}),
    ({"skip": [[1, 2], [0], [0, 1, 2, 3, 4]]}, {"lengths": [4, 5, 2], "direction": "reverse", "h0": None}),
    ({"activations": {"gate": {"name": "hard_sigmoid", "defaults": "onnx"}}}, {"peephole": True, "cell_clip": 0.5}),
]


@pytest.mark.parametrize("witness", WITNESSES)
@pytest.mark.parametrize(("option", "others"), OPTIONS, ids=str)
def test_an_option_agrees_with_plain_loops_and_makes_a_difference(
    option: dict[str, Any], others: dict[str, Any], witness: Witness
) -> None:
    case = a_case(**option, **others)
    arrays = make_arrays(case)
    wanted, scale = plain_lstm(case, arrays), kappa(case, arrays)
    got = witness(case, arrays)
    assert worst(got, wanted, scale) <= 16
    assert {name: array.shape for name, array in got.items()} == case.outputs
    if witness is by_reference and not {"P", "layer_norm"} & option.keys():  # without these the weights are others
        without = a_case(**others)
        before = witness(without, make_arrays(without))
        assert worst(before, got, scale) > 1e6


# Anything at all.


ACTIVATIONS = st.sampled_from(
    [
        *("sigmoid", "tanh", "relu", "softsign", "softplus"),
        {"name": "hard_sigmoid", "alpha": 0.2, "beta": 0.5},
        {"name": "leaky_relu", "alpha": 0.1},
        {"name": "scaled_tanh", "alpha": 1.7159, "beta": "2/3"},
        {"name": "elu", "defaults": "onnx"},
    ]
)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """A small case with any options that go together."""

    def some(values: Any, otherwise: Any = None) -> Any:
        return draw(st.one_of(st.just(otherwise), values))

    T, B, H = draw(st.integers(1, 5)), draw(st.integers(0, 3)), draw(st.integers(1, 4))
    norm = some(st.sampled_from(["basic-lstm-cell", "nnapi"]))
    fields: dict[str, Any] = {
        "id": f"test/any-{draw(st.integers(0, 10**6))}",
        **{"T": T, "B": B, "H": H, "I": draw(st.integers(1, 3)), "layers": draw(st.integers(1, 2))},
        "direction": draw(st.sampled_from(["forward", "reverse", "bidirectional"])),
        "dtype": draw(st.sampled_from(["float32", "float64", "float16", "bfloat16"])),
        "bias": draw(st.booleans()) and norm != "basic-lstm-cell",
        "layer_norm": norm,
        "padding": draw(st.sampled_from([1e3, math.nan])),
        "head": some(st.builds(dict, O=st.integers(1, 3))),
    }
    if not draw(st.booleans()):
        fields["h0"] = None
    if not draw(st.booleans()):
        fields["c0"] = None
    if norm != "basic-lstm-cell":
        fields["peephole"] = draw(st.booleans())
        if fields["peephole"]:
            fields["output_peephole"] = draw(st.sampled_from(["new-cell", "previous-cell"]))
        fields["cell_clip"] = some(st.sampled_from([0.25, 0.9]))
        fields["coupling"] = some(st.sampled_from(["forget=1-input", "input=1-forget"]))
        fields["P"] = some(st.integers(1, 5))
    if norm is None:
        readings = st.sampled_from(["gates", "all"])
        fields["gate_clip"] = some(st.builds(dict, bound=st.sampled_from([0.35, 1.1]), reading=readings))
    if fields.get("P") is not None:
        fields["projection_bias"] = draw(st.booleans())
        fields["projection_clip"] = some(st.sampled_from([0.15, 0.6]))
    if fields.get("coupling") != "forget=1-input":
        fields["forget_bias"] = some(st.sampled_from([1.0, -0.3]), 0.0)
    if draw(st.booleans()):
        fields["lengths"] = draw(st.lists(st.integers(0, T), min_size=B, max_size=B))
    if draw(st.booleans()):
        steps = st.sets(st.integers(0, T - 1)).map(sorted)
        fields["skip"] = draw(st.lists(steps, min_size=B, max_size=B))
    if draw(st.booleans()):
        sets = st.builds(dict, gate=st.sampled_from(["sigmoid", {"name": "hard_sigmoid", "defaults": "onnx"}]))
        each = st.builds(lambda a, cell, hidden: a | {"cell": cell, "hidden": hidden}, sets, ACTIVATIONS, ACTIVATIONS)
        directions = 2 if fields["direction"] == "bidirectional" else 1
        chosen = draw(st.lists(each, min_size=directions, max_size=directions))
        given_, default = (
            [a for one in chosen for a in one.values() if isinstance(a, dict) and ("defaults" in a) is by_default]
            for by_default in (False, True)
        )
        if not (given_ and default):  # a case has the one or the other
            fields["activations"] = chosen
    return Case.model_validate(fields)


@pytest.mark.slow
@settings(max_examples=150, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow])
@given(case=cases())
def test_oracle_reference_and_plain_loops_agree_on_anything(case: Case) -> None:
    arrays = make_arrays(case)
    wide = in_float64(arrays)
    golden, scale = by_oracle(case, arrays), kappa(case, arrays)
    assert worst(by_reference(case.model_copy(update={"dtype": "float64"}), wide), golden, scale) <= 16
    assert worst(plain_lstm(case, wide), golden, scale) <= 16
