"""What an adapter declares: unknown words are named, each capability has its check, and a right answer passes it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from conformance.adapters.capabilities import ActivationSupport, Capabilities, any_of, exactly
from conformance.adapters.numpy_reference import NumpyReference
from conformance.case.model import Case
from conformance.case.options import Activation
from conformance.case.tensors import Arrays
from conformance.run.messages import Answer, Ask
from conformance.run.smoke.asker import Asker
from conformance.run.smoke.checking import called_for, problem_of
from conformance.run.smoke.declared import Declared, faults
from conformance.run.smoke.questions import plain
from conformance.run.worker import answer


class Sound(NumpyReference):
    name = "sound"


def with_capabilities(**fields: object) -> type:
    return type("Sound", (Sound,), {"capabilities": Capabilities(**fields)})


@pytest.mark.parametrize(
    ("kind", "problem"),
    [
        (dict, "the entry point sound leads to <class 'dict'>, not a subclass of "),
        (
            type("Sound", (Sound,), {"devices": "cpu"}),
            "devices is 'cpu'; it must be a frozenset, like frozenset({'...'})",
        ),
        (type("Sound", (Sound,), {"capabilities": {}}), "capabilities is {}; it must be a Capabilities(...)"),
        (with_capabilities(dtypes="float32"), "dtypes is 'float32'; it must be a frozenset"),
        (with_capabilities(dtypes=frozenset()), "dtypes is empty: there is nothing to run"),
        (
            with_capabilities(dtypes=frozenset({"fp32"})),
            "dtypes has 'fp32'; allowed: float16, bfloat16, float32, float64",
        ),
        (with_capabilities(gate_clip=frozenset({"both"})), "gate_clip has 'both'; allowed: gates, all"),
        (with_capabilities(lengths_via=frozenset({"mask"})), "lengths_via has 'mask'; allowed: argument, packed, "),
        (with_capabilities(layer_norm=frozenset({"basic"})), "layer_norm has 'basic'; allowed: basic-lstm-cell, nnapi"),
        (with_capabilities(gradients=frozenset({"all"})), "gradients has 'all'; allowed: whole, truncated"),
        (with_capabilities(peephole=True), "peephole is True; it must be a frozenset, like frozenset({'...'})"),
        (with_capabilities(peephole=frozenset({"old"})), "peephole has 'old'; allowed: new-cell, previous-cell"),
        (with_capabilities(cell_clip="yes"), "cell_clip is 'yes'; it must be True or False"),
        (with_capabilities(min_length=-1), "min_length is -1; it must be a whole number of at least 0"),
        (with_capabilities(activations=None), "activations is None; it must be an ActivationSupport(...)"),
        (
            with_capabilities(activations=ActivationSupport(gate=any_of("sigmod"))),
            "activations.gate has 'sigmod'; allowed: sigmoid, tanh, ",
        ),
        (
            with_capabilities(activations=ActivationSupport(gate={"elu": frozenset({(1.0, 2.0)})})),
            "activations.gate: elu with (1.0, 2.0); it takes alpha, as (alpha, beta), None for one it lacks",
        ),
        (
            with_capabilities(activations=ActivationSupport(hidden={})),
            "activations.hidden is empty; it must name the activations there",
        ),
        (
            with_capabilities(activations=ActivationSupport(defaults=frozenset({"torch"}))),
            "activations.defaults has 'torch'; allowed: onnx, keras",
        ),
    ],
)
def test_a_word_that_nobody_knows_is_named_with_those_there_are(kind, problem):
    (found,) = faults(kind, "sound")
    assert found.startswith(problem)
    assert faults(Sound, "sound") == []


def test_a_framework_is_known_by_its_distribution_or_its_module():
    told = Declared((), imported={"yaml": ("PyYAML",), "acme_runtime": ()})
    assert told.frameworks(["pyyaml", "acme-runtime", "numpy"]) == ["pyyaml", "acme-runtime"]


EVERYTHING = NumpyReference.capabilities
HARD = Activation(name="hard_sigmoid", alpha=0.2, beta=0.5)
ONLY_HARD = ActivationSupport(exactly(HARD), any_of("relu"), any_of("relu"), hidden_is_cell=True)
INTERFACES = {
    "the least": Capabilities(),
    "half": replace(EVERYTHING, dtypes=frozenset({"bfloat16"})),
    "one step": replace(EVERYTHING, max_steps=1, directions=frozenset({"reverse", "forward"})),
    "three steps": replace(EVERYTHING, max_steps=3, max_layers=1, head=False, blocks=False),
    "others": replace(EVERYTHING, activations=ONLY_HARD, directions=frozenset({"bidirectional"}), min_length=2),
    "the previous cell": replace(EVERYTHING, peephole=frozenset({"previous-cell"})),
}


class Here:
    """An adapter in this process, asked as its worker asks it."""

    def __init__(self, capabilities: Capabilities) -> None:
        self.adapter = Sound()
        self.adapter.capabilities = capabilities

    def ask(self, case: Case, arrays: Arrays, timeout: float) -> Answer:
        return answer(self.adapter, Ask.of(case, arrays, timeout))


@pytest.mark.parametrize("name", INTERFACES)
def test_whatever_is_declared_a_right_answer_passes(name):
    capabilities = INTERFACES[name]
    asker = Asker(lambda: Here(capabilities), 1.0)
    checks = called_for(capabilities)
    assert len({check.id for check in checks}) == len(checks) > 25
    assert plain(capabilities)["dtype"] in capabilities.dtypes
    assert {check.id: problem for check in checks if (problem := problem_of(check, asker))} == {}
    assert all(check.remedy and check.about for check in checks)


@pytest.mark.parametrize("field", Capabilities.__dataclass_fields__)
def test_every_capability_has_its_check(field):
    """Without it, fewer checks."""
    everything = replace(EVERYTHING, batch_major=True, lengths_via=frozenset({"argument", "packed", "packed-sorted"}))
    less = {
        "dtypes": frozenset({"float32"}),
        "directions": frozenset({"forward"}),
        "max_layers": 1,
        "max_steps": 1,
        "lengths": "none",
        "min_length": 1,
        "activations": ActivationSupport(),
    }
    default = getattr(Capabilities(), field)
    without = replace(everything, **{field: less.get(field, frozenset() if isinstance(default, frozenset) else False)})
    assert {check.id for check in called_for(without)} < {check.id for check in called_for(everything)}
