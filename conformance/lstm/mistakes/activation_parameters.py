"""Mistakes in the alpha and beta of an activation."""

from __future__ import annotations

from conformance.case.model import Case
from conformance.case.options import DEFAULTS, PARAMETERS, Activation, Activations
from conformance.lstm.mistakes.activations import all_of, changing, each_changed, three, uses, with_each, with_sets
from conformance.lstm.mistakes.base import Axis
from conformance.lstm.reference import Reference

parameters = Axis("activation parameters")

NEUTRAL = DEFAULTS["onnx"] | {"affine": {"alpha": 1.0, "beta": 0.0}, "scaled_tanh": {"alpha": 1.0, "beta": 1.0}}
"""What a framework uses if it does not read the parameters: ONNX's defaults, or neutral values where it has none."""


def _parameters_given(case: Case) -> bool:
    return any(a.name in PARAMETERS and not a.defaults for a in all_of(case))


def _parameters_left_out(case: Case) -> bool:
    return any(a.defaults for a in all_of(case))


def _hard_sigmoid_changed(**fields: float) -> type[Reference]:
    return changing(lambda given: given.model_copy(update=fields) if given.name == "hard_sigmoid" else given)


parameters(
    "hard-sigmoid-slope-sixth",
    "uses 1/6 as the slope of a hard sigmoid",
    "https://github.com/PaddlePaddle/Paddle/issues/44820",
    applies=lambda case: any(a.name == "hard_sigmoid" and a.alpha != 1 / 6 for a in all_of(case)),
)(_hard_sigmoid_changed(alpha=1 / 6))
parameters(
    "hard-sigmoid-slope-fifth",
    "uses 0.2 as the slope of a hard sigmoid",
    "https://github.com/tensorflow/tensorflow/issues/65381",
    applies=lambda case: any(a.name == "hard_sigmoid" and a.alpha != 0.2 for a in all_of(case)),
)(_hard_sigmoid_changed(alpha=0.2))
parameters(
    "hard-sigmoid-beta-zero",
    "uses 0 as the beta of a hard sigmoid",
    "https://github.com/OAID/Tengine/pull/1122",
    applies=uses("hard_sigmoid"),
)(_hard_sigmoid_changed(beta=0.0))
parameters(
    "activation-parameters-ignored",
    "uses the default alpha and beta even where others are given",
    "https://github.com/PINTO0309/onnx2tf/issues/300",
    applies=_parameters_given,
)(changing(lambda given: given if given.defaults else given.model_copy(update=NEUTRAL.get(given.name, {}))))
parameters(
    "default-parameters-zero",
    "uses 0 for an alpha or beta that is left out",
    "https://github.com/apache/tvm/pull/12213",
    applies=_parameters_left_out,
)(changing(lambda a: a.model_copy(update=dict.fromkeys(PARAMETERS[a.name], 0.0)) if a.defaults else a))


def _of_the_other(given: Activation) -> Activation:
    other = {"onnx": "keras", "keras": "onnx", None: None}[given.defaults]
    return given.model_copy(update=DEFAULTS[other].get(given.name, {})) if other else given


parameters(
    "default-parameters-of-another-framework",
    "uses Keras' default instead of ONNX's for an alpha or beta that is left out, or the reverse",
    "https://github.com/tensorflow/tensorflow/issues/65381",
    applies=_parameters_left_out,
)(changing(_of_the_other))
parameters(
    "alpha-and-beta-swapped",
    "uses alpha as beta and beta as alpha",
    applies=lambda case: any(a.beta is not None and a.alpha != a.beta for a in all_of(case)),
)(changing(lambda a: a if a.beta is None else a.model_copy(update={"alpha": a.beta, "beta": a.alpha})))


def _lists(case: Case) -> dict[str, list[float]]:
    """ONNX's activation_alpha and activation_beta of a case: the given values, in order."""
    given = [a for d in range(case.D) for a in three(case.activations_of(d)) if not a.defaults]
    return {name: [v for a in given if (v := getattr(a, name)) is not None] for name in ("alpha", "beta")}


@parameters(
    "activation-parameters-by-position",
    "gives the n-th activation the n-th alpha and beta, though the lists skip activations that take none",
    "https://github.com/PINTO0309/onnx2tf/issues/300",
    applies=_parameters_given,
)
class ParametersByPosition(Reference):
    def __init__(self, case: Case) -> None:
        lists, places = _lists(case), iter(range(6))

        def taken(given: Activation) -> Activation:
            place, takes = next(places), PARAMETERS.get(given.name, ())
            default = {n: getattr(given, n) if given.defaults else NEUTRAL[given.name][n] for n in takes}
            return given.model_copy(update=default | {n: lists[n][place] for n in takes if place < len(lists[n])})

        super().__init__(with_each(case, taken))


@parameters(
    "activation-parameters-restart-for-second-direction",
    "restarts at the beginning of the lists of alpha and beta for the second direction",
    "https://github.com/PINTO0309/onnx2tf/pull/289",
    applies=lambda case: len(case.activations) > 1 and any(a.name in PARAMETERS for a in all_of(case)),
)
class ParametersRestart(Reference):
    def __init__(self, case: Case) -> None:
        def of_set(given: Activations) -> Activations:
            lists = {name: iter(values) for name, values in _lists(case).items()}

            def taken(a: Activation) -> Activation:
                takes = () if a.defaults else PARAMETERS.get(a.name, ())
                return a.model_copy(update={name: next(lists[name]) for name in takes})

            return each_changed(given, taken)

        super().__init__(with_sets(case, of_set))
