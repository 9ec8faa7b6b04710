"""Capabilities: each thing an interface does not accept is refused with its reason, and what it does accept is not."""

from dataclasses import replace
from typing import Any

import pytest

from conformance.adapters import registry
from conformance.adapters.capabilities import ActivationSupport, Capabilities, any_of, exactly
from conformance.adapters.numpy_reference import NumpyReference
from conformance.case.errors import AdapterUnavailable, UnsupportedOption
from conformance.case.model import Case
from conformance.case.options import Activation
from conformance.golden.inputs import make_arrays

TWO_WAYS = frozenset({"forward", "bidirectional"})
HARD = {"name": "hard_sigmoid", "alpha": "1/6", "beta": 0.5}
LEAKY = {"name": "leaky_relu", "alpha": 0.3}
RELU_HIDDEN = {"cell": "relu", "hidden": "relu"}


def a_case(**fields: Any) -> Case:
    return Case.model_validate({"id": "capabilities/case", "T": 6, "B": 3, "I": 2, "H": 4, **fields})


def support(**fields: Any) -> Capabilities:
    return Capabilities(activations=ActivationSupport(**fields))


def takes(name: str, **parameters: float) -> Any:
    return exactly(Activation(name=name, **parameters))


# What the interface is, the case it refuses, its reason, and a change of the interface or case that lifts the refusal.
REFUSALS: list[tuple[Capabilities, dict[str, Any], str, dict[str, Any] | Capabilities]] = [
    (Capabilities(), {"dtype": "float16"}, "computes in float32, not in float16", {"dtype": "float32"}),
    (
        Capabilities(dtypes=frozenset({"float64", "float16"})),
        {},
        "computes in float16 and float64, not in float32",
        {"dtype": "float16"},
    ),
    (Capabilities(), {"direction": "reverse"}, "runs forward, not reverse", {}),
    (
        Capabilities(directions=TWO_WAYS),
        {"direction": "reverse"},
        "runs bidirectional and forward, not reverse",
        {"direction": "bidirectional"},
    ),
    (Capabilities(max_layers=1), {"layers": 2}, "has at most 1 layer(s)", {"layers": 1}),
    (Capabilities(max_steps=5), {}, "takes at most 5 step(s) per call", {"T": 5}),
    (Capabilities(max_steps=3), {"blocks": [4, 2]}, "takes at most 3 step(s) per call", {"blocks": [3, 3]}),
    (Capabilities(blocks=False), {"blocks": [3, 3]}, "cannot carry a state from call to call", {}),
    (
        Capabilities(),
        {"forget_bias": 1.0},
        "has no forget bias at run time",
        Capabilities(forget_bias=True),
    ),
    (Capabilities(head=False), {"head": {"O": 2}}, "has no dense layer", {}),
    (Capabilities(), {"lengths": [6, 6, 6]}, "takes no lengths", {}),
    (
        Capabilities(lengths="common"),
        {"lengths": [6, 5, 6]},
        "takes one length for the whole batch, not one per row",
        {"lengths": [5, 5, 5]},
    ),
    (
        Capabilities(lengths="each", min_length=2),
        {"lengths": [6, 1, 6]},
        "takes lengths of 2 or more",
        {"lengths": [6, 2, 6]},
    ),
    (
        Capabilities(lengths="each"),
        {"lengths": [6, 0, 6]},
        "takes lengths of 1 or more",
        Capabilities(lengths="each", min_length=0),
    ),
    (
        Capabilities(lengths="each"),
        {"lengths": [6, 5, 6], "lengths_via": "packed"},
        "does not take lengths by way of packed",
        Capabilities(lengths="each", lengths_via=frozenset({"packed"})),
    ),
    (
        Capabilities(lengths="each", lengths_via=frozenset({"packed", "argument"})),
        {"lengths": [6, 5, 6], "lengths_via": "packed-sorted"},
        "does not take lengths by way of packed-sorted",
        {"lengths": [6, 5, 6], "lengths_via": "argument"},
    ),
    (
        Capabilities(lengths="each", lengths_via=frozenset({"argument"})),
        {"lengths": [6, 5, 6], "lengths_via": "upstream"},
        "does not take lengths by way of upstream",
        {"lengths": [6, 5, 6]},
    ),
    (
        Capabilities(lengths="each"),
        {"skip": [[1], [], []]},
        "takes no mask with holes",
        Capabilities(holes=True),
    ),
    (
        Capabilities(holes=True),
        {"skip": [[1], [], []], "lengths": [6, 5, 6]},
        "takes no lengths",
        Capabilities(holes=True, lengths="each"),
    ),
    (
        Capabilities(),
        {"layout": "batch_major"},
        "has no batch-major layout",
        Capabilities(batch_major=True),
    ),
    (Capabilities(), {"peephole": True}, "has no peepholes (new-cell)", Capabilities(peephole=frozenset({"new-cell"}))),
    (Capabilities(), {"cell_clip": 1.0}, "has no clip of the cell state", Capabilities(cell_clip=True)),
    (Capabilities(), {"P": 2}, "has no projection", Capabilities(projection=True)),
    (
        Capabilities(projection=True),
        {"P": 2, "projection_bias": True},
        "has no projection bias",
        Capabilities(projection=True, projection_bias=True),
    ),
    (
        Capabilities(projection=True),
        {"P": 2, "projection_clip": 1.0},
        "has no clip of the projection",
        Capabilities(projection=True, projection_clip=True),
    ),
    (
        Capabilities(),
        {"gate_clip": {"bound": 1.0, "reading": "gates"}},
        "has no gate_clip gates",
        Capabilities(gate_clip=frozenset({"gates"})),
    ),
    (
        Capabilities(peephole=frozenset({"new-cell"})),
        {"peephole": True, "output_peephole": "previous-cell"},
        "has no peepholes (previous-cell); it has new-cell",
        Capabilities(peephole=frozenset({"new-cell", "previous-cell"})),
    ),
    (
        Capabilities(gate_clip=frozenset({"gates"})),
        {"gate_clip": {"bound": 1.0, "reading": "all"}},
        "has no gate_clip all; it has gates",
        {"gate_clip": {"bound": 1.0, "reading": "gates"}},
    ),
    (
        Capabilities(),
        {"coupling": "forget=1-input"},
        "has no coupling forget=1-input",
        Capabilities(coupling=frozenset({"forget=1-input"})),
    ),
    (
        Capabilities(coupling=frozenset({"forget=1-input"})),
        {"coupling": "input=1-forget"},
        "has no coupling input=1-forget; it has forget=1-input",
        {"coupling": "forget=1-input"},
    ),
    (
        Capabilities(),
        {"layer_norm": "basic-lstm-cell", "bias": False},
        "has no layer_norm basic-lstm-cell",
        Capabilities(layer_norm=frozenset({"basic-lstm-cell"})),
    ),
    (
        Capabilities(layer_norm=frozenset({"nnapi"})),
        {"layer_norm": "basic-lstm-cell", "bias": False},
        "has no layer_norm basic-lstm-cell; it has nnapi",
        {"layer_norm": "nnapi"},
    ),
    (
        Capabilities(),
        {"head": {"O": 2, "softmax": True}},
        "has no softmax",
        Capabilities(softmax=True),
    ),
    (
        Capabilities(),
        {"head": {"O": 2, "cross_entropy": True}},
        "has no cross-entropy",
        Capabilities(cross_entropy=True),
    ),
    (
        Capabilities(gradients=frozenset({"whole"})),
        {"gradients": "truncated", "blocks": [1, 2, 3]},
        "has no gradients truncated; it has whole",
        {"gradients": "whole", "blocks": [1, 2, 3]},
    ),
    (
        support(cell=any_of("elu")),
        {"activations": {"cell": {"name": "elu", "defaults": "onnx"}}},
        "does not promise onnx's default parameters",
        support(cell=any_of("elu"), defaults=frozenset({"onnx"})),
    ),
    (
        support(cell=any_of("elu"), defaults=frozenset({"onnx"})),
        {"activations": {"cell": {"name": "elu", "defaults": "keras"}}},
        "does not promise keras's default parameters",
        {"activations": {"cell": {"name": "elu", "alpha": 1.0}}},
    ),
    (
        support(),
        {"activations": {"gate": HARD}},
        "does not take hard_sigmoid(0.166666667, 0.5) as its gate activation",
        {},
    ),
    (support(), {"activations": {"cell": "relu"}}, "does not take relu as its cell activation", {}),
    (support(), {"activations": {"hidden": LEAKY}}, "does not take leaky_relu(0.3) as its hidden activation", {}),
    (
        support(gate=takes("hard_sigmoid", alpha=0.2, beta=0.5)),
        {"activations": {"gate": HARD}},
        "does not take hard_sigmoid(0.166666667, 0.5) as its gate activation",
        {"activations": {"gate": HARD | {"alpha": 0.2}}},
    ),
    (
        support(gate=any_of("hard_sigmoid")),
        {},
        "does not take sigmoid as its gate activation",
        {"activations": {"gate": HARD}},
    ),
    (
        support(cell=any_of("tanh", "relu"), hidden=any_of("tanh", "relu"), hidden_is_cell=True),
        {"activations": {"cell": "relu"}},
        "has one activation for both the cell candidate and the output",
        {"activations": RELU_HIDDEN},
    ),
    (
        Capabilities(directions=TWO_WAYS, activations=ActivationSupport(any_of("sigmoid", "relu"))),
        {"direction": "bidirectional", "activations": [{}, {"gate": "relu"}]},
        "has one set of activations for all directions",
        {"direction": "bidirectional", "activations": [{"gate": "relu"}, {"gate": "relu"}]},
    ),
    (
        Capabilities(directions=TWO_WAYS, activations=ActivationSupport(per_direction=True)),
        {"direction": "bidirectional", "activations": [{}, {"gate": "relu"}]},
        "does not take relu as its gate activation",
        {"direction": "bidirectional"},
    ),
]


@pytest.mark.parametrize(("capabilities", "fields", "reason", "remedy"), REFUSALS, ids=[r[2] for r in REFUSALS])
def test_what_the_interface_does_not_accept_is_refused_with_its_reason_and_no_more_than_that(
    capabilities, fields, reason, remedy
):
    assert capabilities.refusal(a_case(**fields)) == reason
    if isinstance(remedy, Capabilities):
        assert remedy.refusal(a_case(**fields)) is None
    else:
        assert capabilities.refusal(a_case(**remedy)) is None


@pytest.mark.parametrize("field", Capabilities.__dataclass_fields__)
def test_no_capability_is_without_a_refusal_above(field):
    interfaces = [each for row in REFUSALS for each in row if isinstance(each, Capabilities)]
    assert any(getattr(each, field) != getattr(Capabilities(), field) for each in interfaces)


def test_an_empty_batch_is_a_batch():
    assert Capabilities(lengths="each").refusal(a_case(B=0, lengths=[])) is None


def test_a_plain_case_suits_the_plainest_interface():
    assert Capabilities().refusal(a_case()) is None


class OnlyForward(NumpyReference):
    name = "only-forward"
    capabilities = replace(NumpyReference.capabilities, directions=frozenset({"forward"}))

    def prepare(self, case, weights):
        assert case.direction == "forward", "an adapter must not be asked for what it refuses"
        return super().prepare(case, weights)


def test_an_adapter_refuses_by_name_before_its_framework_is_asked():
    case = a_case(direction="reverse")
    arrays = make_arrays(case)
    with pytest.raises(UnsupportedOption, match=r"^only-forward runs forward, not reverse$"):
        OnlyForward().run(case, arrays.weights, arrays.inputs)


def test_an_adapter_whose_words_no_case_uses_is_refused(tmp_path):
    (tmp_path / "typo.py").write_text(
        "from dataclasses import replace\n"
        "from conformance.adapters.numpy_reference import NumpyReference\n"
        "class Typo(NumpyReference):\n"
        "    name = 'typo'\n"
        "    capabilities = replace(NumpyReference.capabilities, directions=frozenset({'forwards'}))\n"
    )
    with pytest.raises(AdapterUnavailable, match=r"directions has 'forwards'; .*; did you mean 'forward'"):
        registry.make(f"{tmp_path / 'typo.py'}:Typo")
