"""Mistakes in which activation is computed, and where. Those in its parameters are in activation_parameters."""

from __future__ import annotations

from collections.abc import Callable

from conformance.case.model import Case
from conformance.case.options import Activation, Activations
from conformance.case.tensors import Array
from conformance.lstm.mistakes.base import Axis
from conformance.lstm.reference import Reference
from conformance.lstm.step import F, G, I, O

activations = Axis("activations")

SIGMOID, TANH, LINEAR, RELU = (Activation(name=name) for name in ("sigmoid", "tanh", "linear", "relu"))
HARD_SIGMOID = Activation(name="hard_sigmoid", alpha=0.2, beta=0.5)


def all_of(case: Case) -> list[Activation]:
    """Every activation of the case: S, G and Hh of each set."""
    return [activation for each in case.activations for activation in three(each)]


def three(each: Activations) -> tuple[Activation, Activation, Activation]:
    """S, G and Hh, in ONNX's order."""
    return each.gate, each.cell, each.hidden


def uses(*names: str) -> Callable[[Case], bool]:
    """A predicate: whether a case uses any of these activations."""
    return lambda case: any(activation.name in names for activation in all_of(case))


def with_sets(case: Case, change: Callable[[Activations], Activations]) -> Case:
    """The case with each direction's set of three changed."""
    sets = tuple(change(case.activations_of(direction)) for direction in range(case.D))
    return case.model_copy(update={"activations": sets})


def with_each(case: Case, change: Callable[[Activation], Activation]) -> Case:
    """The case with each activation changed; `change` is called in the order of `three`, direction by direction."""
    return with_sets(case, lambda given: each_changed(given, change))


def each_changed(given: Activations, change: Callable[[Activation], Activation]) -> Activations:
    """A direction's set of three with each activation changed, in the order S, G, Hh."""
    return given.model_copy(
        update={"gate": change(given.gate), "cell": change(given.cell), "hidden": change(given.hidden)}
    )


def changing(change: Callable[[Activation], Activation]) -> type[Reference]:
    """The reference with each activation of the case changed."""

    class Changing(Reference):
        def __init__(self, case: Case) -> None:
            super().__init__(with_each(case, change))

    return Changing


def rearranging(change: Callable[[Activations], Activations]) -> type[Reference]:
    """The reference with each direction's set of three changed."""

    class Rearranging(Reference):
        def __init__(self, case: Case) -> None:
            super().__init__(with_sets(case, change))

    return Rearranging


activations(
    "activations-ignored",
    "computes sigmoid, tanh and tanh regardless of the activations of the case",
    "https://github.com/sonos/tract/issues/2751",
    applies=lambda case: any(each != Activations() for each in case.activations),
)(rearranging(lambda given: Activations()))
_KNOWN = (SIGMOID, TANH, RELU)
activations(
    "unknown-activation-as-relu",
    "computes relu for each activation other than sigmoid and tanh",
    "https://github.com/llvm/torch-mlir/pull/2969",
    applies=lambda case: any(activation not in _KNOWN for activation in all_of(case)),
)(changing(lambda given: given if given in _KNOWN else RELU))
activations(
    "hard-sigmoid-as-sigmoid",
    "computes the sigmoid instead of a hard sigmoid",
    "https://github.com/tensorflow/tensorflow/issues/47495",
    applies=uses("hard_sigmoid"),
)(changing(lambda given: SIGMOID if given.name == "hard_sigmoid" else given))
activations(
    "sigmoid-as-hard-sigmoid",
    "computes a hard sigmoid (0.2 z + 0.5) instead of the sigmoid",
    "https://github.com/minimaxir/textgenrnn/issues/153",
    applies=uses("sigmoid"),
)(changing(lambda given: HARD_SIGMOID if given.name == "sigmoid" else given))
activations(
    "hidden-activation-is-that-of-cell",
    "computes Hh with the activation G",
    "https://github.com/onnx/onnx/pull/237",
    applies=lambda case: any(each.hidden != each.cell for each in case.activations),
)(rearranging(lambda given: given.model_copy(update={"hidden": given.cell})))
activations(
    "cell-activation-is-that-of-hidden",
    "computes G with the activation Hh",
    applies=lambda case: any(each.hidden != each.cell for each in case.activations),
)(rearranging(lambda given: given.model_copy(update={"cell": given.hidden})))
activations(
    "gate-and-cell-activations-swapped",
    "computes the gates with G and the cell candidate with S",
    "https://github.com/tflearn/tflearn/pull/200",
    applies=lambda case: any(each.gate != each.cell for each in case.activations),
)(rearranging(lambda given: given.model_copy(update={"gate": given.cell, "cell": given.gate})))
activations(
    "candidate-with-gate-activation",
    "computes the cell candidate with S instead of G",
    applies=lambda case: any(each.gate != each.cell for each in case.activations),
)(rearranging(lambda given: given.model_copy(update={"cell": given.gate})))


activations(
    "cell-activation-tanh-or-linear",
    "computes the cell candidate linearly where its activation is not tanh, and the output always with tanh",
    applies=lambda case: any(each.cell != TANH for each in case.activations),
)(rearranging(lambda given: given.model_copy(update={"cell": TANH if given.cell == TANH else LINEAR, "hidden": TANH})))


@activations(
    "activations-listed-by-gate",
    "reads the list S, G, Hh as the activations of the gates i, o and f, with tanh for everything else",
    "https://github.com/onnx/onnx/pull/237",
)
class ListedByGate(Reference):
    def squashed(self, act: Activations, gate: int, z: Array) -> Array:
        listed = {I: act.gate, O: act.cell, F: act.hidden, G: TANH}
        return super().squashed(act.model_copy(update={"gate": listed[gate], "cell": listed[gate]}), gate, z)

    def hidden(self, act: Activations, shown: Array) -> Array:
        return super().hidden(act.model_copy(update={"hidden": TANH}), shown)


@activations(
    "second-direction-uses-first-activations",
    "computes the second direction with the activations of the first",
    "https://github.com/onnx/onnx-tensorflow/pull/497",
    applies=lambda case: len(case.activations) > 1,
)
class FirstDirectionForBoth(Reference):
    def activations(self, direction: int) -> Activations:
        return super().activations(0)


@activations(
    "hidden-activation-left-out",
    "computes h = o c",
    applies=lambda case: any(each.hidden.name != "linear" for each in case.activations),
)
class HiddenLeftOut(Reference):
    def hidden(self, act: Activations, shown: Array) -> Array:
        return shown


@activations(
    "hidden-activation-after-output-gate",
    "computes h = Hh(o c)",
    applies=lambda case: any(each.hidden.name != "linear" for each in case.activations),
)
class HiddenAfterOutputGate(Reference):
    def hidden(self, act: Activations, shown: Array) -> Array:
        return shown

    def output(self, act: Activations, o: Array, hh: Array) -> Array:
        return super().hidden(act, super().output(act, o, hh))


@activations(
    "activation-on-h-only",
    "computes h = Hh(o c), with a cell candidate that has no activation",
    "https://github.com/apache/tvm/pull/19634",
    applies=lambda case: any(a.name != "linear" for each in case.activations for a in (each.cell, each.hidden)),
)
class ActivationOnHOnly(HiddenAfterOutputGate):
    def squashed(self, act: Activations, gate: int, z: Array) -> Array:
        return z if gate == G else super().squashed(act, gate, z)
