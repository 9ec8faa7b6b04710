"""The table of tensors and the table of options: what derives from them, and that nothing is left out of them."""

import types
import typing
from dataclasses import replace
from typing import Any, Literal, get_args, get_origin

import numpy as np
import pytest

from conformance.adapters.numpy_reference import NumpyReference
from conformance.case.fields import Fields
from conformance.case.model import Case
from conformance.case.option_table import EVERY_OPTION, OPTIONS, Supported
from conformance.case.options import GateClip
from conformance.case.tensor_table import HEAD_WEIGHTS, INPUTS, LAYER_WEIGHTS, Inputs, LayerWeights
from conformance.case.tensors import Array, Arrays
from conformance.case.trials import Trial
from conformance.golden.inputs import make_arrays
from conformance.lstm.gradients import reference_of
from conformance.lstm.mistakes import BY_ID

SIZES: dict[str, Any] = {"id": "tables/case", "seed": 3, "T": 5, "B": 3, "I": 4, "H": 6, "dtype": "float64"}
TENSORS = LAYER_WEIGHTS | HEAD_WEIGHTS | INPUTS
COTANGENTS = {"gradients": "whole"}
TRIALS = [(name, trial) for name, option in OPTIONS.items() for trial in option.trials]

WITHOUT_A_ROW = {
    "id", "description", "source", "origin", "tolerance", "on_demand", "exempt",  # words, and how it is judged
    "remade",  # how its vector is stored
    "T", "B", "I", "H", "layers", "dtype", "direction",  # every interface has some; Capabilities' own fields say which
    "activations", "lengths",
    "bias", "padding", "calls", "targets",  # every interface takes them
    "seed", "torch_seed", "weights", "x", "h0", "c0", "dy", "dh_n", "dc_n", "poison",  # numbers
}  # fmt: skip
"""The keys of a case that are no options of the table, with the reason why."""

WITHOUT_NUMBERS = {"steps-baked-in", "projection-ignored"}
"""Mistakes that known deviations speak of and no catalogue can: what they give has another shape, or an error."""


def a_case(**keys: Any) -> Case:
    return Case.model_validate(SIZES | keys)


def outputs(case: Case) -> dict[str, Array]:
    return reference_of(case).run(make_arrays(case))


# Tensors.


@pytest.mark.parametrize("name", TENSORS)
def test_a_case_has_a_tensor_with_the_keys_it_is_tried_with(name: str) -> None:
    tensor = TENSORS[name]
    for keys in tensor.tried_with:
        case = a_case(**keys, **(COTANGENTS if tensor.cotangent else {}))
        shapes = case.input_shapes | case.weight_shapes
        shape = shapes[f"{name}.0" if name in LAYER_WEIGHTS else name]
        assert len(shape) == len(tensor.axes.split()) and (not tensor.gates or shape[0] == len(tensor.gates))
        (flat,) = (f for f in make_arrays(case).flat if f.split(".")[1] == name)
        assert make_arrays(case).flat[flat].shape == shape


def test_the_sources_of_a_spec_are_those_of_the_table() -> None:
    case = a_case()
    assert type(case.weights).model_fields.keys() == (LAYER_WEIGHTS | HEAD_WEIGHTS).keys()
    for name, tensor in TENSORS.items():
        assert getattr(case if name in INPUTS else case.weights, name) == tensor.source


def test_what_is_replaced_stands_among_the_flat_tensors() -> None:
    arrays = make_arrays(a_case(head={"O": 2}))
    x, W = np.ones((5, 3, 4)), np.zeros((4, 6, 4))
    row = replace(arrays.weights.rows[0], W=W)
    weights, inputs = replace(arrays.weights, rows=(row,)), replace(arrays.inputs, x=x, h0=None)
    changed = replace(arrays, weights=weights, inputs=inputs)
    assert changed.flat["inputs.x"] is x and changed.flat["weights.W.0"] is W
    assert arrays.flat.keys() - changed.flat.keys() == {"inputs.h0"}
    assert np.all(changed.in_dtype(np.float32).inputs.x == 1.0)


def test_flat_tensors_and_structured_ones_are_each_other_s_inverse() -> None:
    arrays = make_arrays(a_case(layers=2, head={"O": 2, "cross_entropy": True}, lengths=[5, 3, 1], peephole=True))
    assert {"inputs.lengths", "inputs.targets", "weights.peephole.1", "weights.b_y"} < arrays.flat.keys()
    back = Arrays.from_tensors(arrays.flat)
    assert back.flat.keys() == arrays.flat.keys()
    assert all(back.flat[name] is array for name, array in arrays.flat.items())


def test_every_tensor_of_real_numbers_is_mapped_and_no_other() -> None:
    for keys in (keys for tensor in TENSORS.values() for keys in tensor.tried_with):
        arrays = make_arrays(a_case(**keys, gradients=None, lengths=[5, 3, 1], skip=[[1], [], []]))
        for name, array in arrays.mapped(lambda a: a + 1.0).flat.items():
            kept = name in ("inputs.lengths", "inputs.mask")
            assert np.array_equal(array, arrays.flat[name] + (0 if kept else 1))


def test_every_field_of_the_structures_is_in_the_table_or_holds_no_real_numbers() -> None:
    assert LAYER_WEIGHTS.keys() == LayerWeights.__dataclass_fields__.keys()
    assert Inputs.__dataclass_fields__.keys() - INPUTS.keys() == {"lengths", "mask", "targets"}


@pytest.mark.parametrize("name", [name for name, tensor in TENSORS.items() if tensor.ignored])
def test_the_mistake_of_leaving_a_tensor_out_is_in_the_catalogue(name: str) -> None:
    assert TENSORS[name].ignored in BY_ID.keys() | WITHOUT_NUMBERS


# Options.


def test_every_key_of_a_case_is_in_the_table_or_has_a_reason() -> None:
    at_the_case = {"P", "layout", "skip", "output_peephole"}  # projection, batch_major, holes, a part of peephole
    assert Fields.model_fields.keys() - WITHOUT_A_ROW - at_the_case == OPTIONS.keys() & Fields.model_fields.keys()


def literals(annotation: Any) -> list[str]:
    """The words of a Literal, wherever in an annotation it stands."""
    if get_origin(annotation) is Literal:
        return list(get_args(annotation))
    kinds = (typing.Union, types.UnionType)
    return [word for a in get_args(annotation) for word in literals(a)] if get_origin(annotation) in kinds else []


def test_the_words_of_an_option_are_all_that_a_case_may_have() -> None:
    elsewhere = {"gate_clip": GateClip.model_fields["reading"], "peephole": Fields.model_fields["output_peephole"]}
    for name, option in OPTIONS.items():
        if name in Fields.model_fields and option.words:
            field = elsewhere.get(name, Fields.model_fields[name])
            assert literals(field.annotation) == list(option.words)


@pytest.mark.parametrize(("name", "trial"), TRIALS, ids=lambda each: getattr(each, "name", each))
def test_the_reference_accepts_every_option_and_takes_it_into_account(name: str, trial: Trial) -> None:
    on, off = a_case(**trial.on), a_case(**trial.off)
    assert OPTIONS[name].used(on) not in (None, False)
    if not OPTIONS[name].calling:
        assert NumpyReference.capabilities.refusal(on) is None
    with_it, without = outputs(on), outputs(off)
    assert with_it.keys() == on.outputs.keys() and all(np.isfinite(array).all() for array in with_it.values())
    shared = [n for n in with_it if n in without and with_it[n].shape == without[n].shape]
    assert all(np.array_equal(with_it[n], without[n]) for n in shared) is (trial.expect == "same")


def test_the_reference_declares_every_option_that_is_no_way_of_calling() -> None:
    declared = NumpyReference.capabilities
    assert {name: getattr(declared, name) for name in EVERY_OPTION} == EVERY_OPTION
    assert OPTIONS.keys() - EVERY_OPTION.keys() == {"batch_major", "lengths_via"}


@pytest.mark.parametrize(("name", "trial"), TRIALS, ids=lambda each: getattr(each, "name", each))
def test_an_interface_without_an_option_refuses_it_and_one_with_it_does_not(name: str, trial: Trial) -> None:
    case = a_case(**trial.on)
    has: dict[str, Any] = {n: frozenset(option.words) or True for n, option in OPTIONS.items()}
    assert Supported(**has).lacking(case) is None
    lacking = Supported(**has | {name: frozenset() if OPTIONS[name].words else False}).lacking(case)
    assert lacking == OPTIONS[name].refusal.format(OPTIONS[name].used(case))


def test_a_summary_names_every_option() -> None:
    for name, trial in TRIALS:
        case, plain = a_case(**trial.on), a_case()
        assert set(case.summary().split()) - set(plain.summary().split()), name


def test_the_mistakes_that_the_table_names_are_in_the_catalogue() -> None:
    ids = {mistake for _, trial in TRIALS for mistake in trial.mistakes}
    assert ids | {option.ignored for option in OPTIONS.values() if option.ignored} <= BY_ID.keys() | WITHOUT_NUMBERS
