"""The table of conditions: each key of a case, and each kind of an option, is one under which cases may fail."""

import numpy as np
import pytest

from conformance.case.fields import Fields
from conformance.case.model import Case
from conformance.results.shared.conditions import CaseConditions

NOT_CONDITIONS = {
    "id", "description", "source", "origin", "tolerance", "on_demand", "exempt",  # words, and how it is judged
    "remade",  # how its vector is stored
    "seed", "torch_seed", "weights", "x", "targets",  # where numbers come from, in all cases
}  # fmt: skip
BASE = {"T": 4, "B": 3, "I": 5, "H": 6}
EXAMPLES = {
    "T": {"T": 5}, "B": {"B": 4}, "I": {"I": 6}, "H": {"H": 7}, "P": {"P": 2}, "layers": {"layers": 2},
    "direction": {"direction": "reverse"}, "dtype": {"dtype": "float16"}, "layout": {"layout": "batch_major"},
    "activations": {"activations": {"hidden": "relu"}}, "bias": {"bias": False}, "forget_bias": {"forget_bias": 1.0},
    "gate_clip": {"gate_clip": {"bound": 1.0, "reading": "all"}}, "cell_clip": {"cell_clip": 1.0},
    "projection_clip": {"projection_clip": 1.0, "P": 2}, "coupling": {"coupling": "input=1-forget"},
    "layer_norm": {"layer_norm": "basic-lstm-cell", "bias": False}, "peephole": {"peephole": True},
    "output_peephole": {"peephole": True, "output_peephole": "previous-cell"},
    "projection_bias": {"projection_bias": True, "P": 2}, "lengths": {"lengths": [1, 4, 2]},
    "skip": {"skip": [[1], [], []]}, "lengths_via": {"lengths_via": "packed", "lengths": [1, 4, 2]},
    "padding": {"padding": float("nan"), "lengths": [1, 4, 2]}, "blocks": {"blocks": [1, 3]},
    "calls": {"calls": [1, 2]}, "head": {"head": {"O": 2}}, "gradients": {"gradients": "whole"},
    "dy": {"gradients": "whole", "dy": None},
    "dh_n": {"gradients": "whole", "dh_n": None}, "dc_n": {"gradients": "whole", "dc_n": None}, "h0": {"h0": None},
    "c0": {"c0": None}, "poison": {"poison": {"tensor": "x", "at": [0, 0, 0], "value": 1.0}},
}  # fmt: skip


@pytest.mark.parametrize("key", sorted(set(Fields.model_fields) - NOT_CONDITIONS))
def test_each_key_of_a_case_is_a_condition(key):
    """A new key that no option of the table covers is a trait of its own, or is told above why it is none."""
    keys = EXAMPLES[key]
    without = {name: value for name, value in keys.items() if name != key}
    having, lacking = (Case.model_validate(BASE | {"id": f"a/{n}"} | each) for n, each in enumerate((keys, without)))
    assert getattr(having, key) != getattr(lacking, key)
    known = CaseConditions([having, lacking]).table([having.id, lacking.id])
    assert known is not None and known.conditions


@pytest.mark.parametrize(
    ("having", "lacking", "said"),
    [
        ({"lengths": [4, 4, 4]}, {"lengths": [4, 4, 3]}, {"lengths of T only", "no length below T"}),
        ({"lengths": [3, 4, 3]}, {"lengths": [4, 3, 3]}, {"lengths that do not descend"}),
        (
            {"lengths": [4, 1, 0]},
            {"lengths": [4, 2, 2]},
            {"a length of 0", "a length of 1", "a row without a valid step"},
        ),
        (
            {"gradients": "truncated", "blocks": [2, 2]},
            {"gradients": "whole", "blocks": [2, 2]},
            {"gradients truncated"},
        ),
        ({"head": {"O": 2, "after": "last_step"}}, {"head": {"O": 2}}, {"head after last_step"}),
        (
            {"activations": {"gate": {"name": "leaky_relu", "alpha": 1.5}}},
            {"activations": {"gate": {"name": "leaky_relu", "alpha": -0.5}}},
            {"an alpha above 1", "no alpha below 0"},
        ),
        (
            {"poison": {"tensor": "W.0", "at": [2, 0, 0], "value": float("nan")}},
            {"poison": {"tensor": "W.0", "at": [1, 0, 0], "value": -0.0}},
            {"poison in gate g", "no poison in gate f", "poison of value nan", "no poison of value -0"},
        ),
    ],
)
def test_the_kinds_of_an_option_are_conditions(having, lacking, said):
    one, other = (Case.model_validate(BASE | {"id": f"a/{n}"} | each) for n, each in enumerate((having, lacking)))
    known = CaseConditions([one, other]).every
    assert said <= {known.conditions[row].text for row in np.flatnonzero(known.holds[:, 0] & ~known.holds[:, 1])}
