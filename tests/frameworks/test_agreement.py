"""Every adapter, by rows of tables: its answers are right, each option makes a difference, refusals give a reason."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import packages_distributions
from typing import Any

import pytest
from agreement import ADAPTERS, IN_NODE, Fields, adapter_of, case_of, marks_of, question, right_answer, row, rows_of
from refusals import REFUSED, UNAVAILABLE
from tables import AGREE, CALLED
from toggles import TOGGLED, TOGGLES

from conformance.adapters import registry
from conformance.case.errors import AdapterUnavailable, UnsupportedOption
from conformance.case.outcomes import Failed

ALL = [row(name) for name in ADAPTERS]


@pytest.mark.parametrize(("adapter", "fields"), list(rows_of(AGREE)))
def test_agrees_with_the_reference_in_float64(adapter: str, fields: Fields) -> None:
    right_answer(adapter, fields)


def _toggles() -> Iterator[Any]:
    for name in TOGGLED:
        refusal = registry.load(name).capabilities.refusal
        for off, on in TOGGLES:
            if refusal(case_of(off)) is None and refusal(case_of(on)) is None:
                yield row(name, off, on)


@pytest.mark.parametrize(("adapter", "off", "on"), list(_toggles()))
def test_every_option_makes_a_difference_and_is_right(adapter: str, off: Fields, on: Fields) -> None:
    right_answer(adapter, off)
    mistaken = question(off).verdict(adapter_of(adapter), right_answer(adapter, on))
    assert isinstance(mistaken, Failed)
    assert mistaken.noise > 1000


@pytest.mark.parametrize(("adapter", "fields"), list(rows_of(CALLED)))
def test_a_model_can_be_called_again(adapter: str, fields: Fields) -> None:
    made, asked = adapter_of(adapter), question(fields)
    other = asked.with_inputs_of(seed=8)
    before = {name: array.tobytes() for name, array in asked.arrays.flat.items()}
    model = made.prepare(asked.case, asked.arrays.weights)
    first = model(asked.arrays.inputs)
    asked.assert_right(made, first)
    kept = {name: array.tobytes() for name, array in first.items()}
    other.assert_right(made, model(other.arrays.inputs))
    again = model(asked.arrays.inputs)
    for name, data in kept.items():
        assert data == first[name].tobytes() == again[name].tobytes(), name
        assert first[name].flags.c_contiguous and first[name].flags.writeable, name
    assert before == {name: array.tobytes() for name, array in asked.arrays.flat.items()}


@pytest.mark.parametrize(("adapter", "fields", "reason"), [row(*refused, words=refused[2]) for refused in REFUSED])
def test_refuses(adapter: str, fields: Fields, reason: str) -> None:
    with pytest.raises(UnsupportedOption, match=reason):
        question(fields).put_to(adapter_of(adapter))


@pytest.mark.parametrize(("label", "reason"), [row(*unavailable, words="device") for unavailable in UNAVAILABLE])
def test_says_which_device_it_does_not_find(label: str, reason: str) -> None:
    adapter_of(registry.parse(label).name)
    try:
        registry.make(label)
    except AdapterUnavailable as error:
        with pytest.raises(AdapterUnavailable, match=reason):
            raise error
    else:
        pytest.skip(f"{label} is here")


MODULES = {"opencv": "cv2", "iree-base-compiler": "iree", "mnn": "MNN"}
"""The modules of engines that go by another name than their packages."""


@pytest.mark.parametrize("adapter", ALL)
def test_versions_name_the_deciding_package_first(adapter: str) -> None:
    versions = adapter_of(adapter).versions
    _, *modules = ADAPTERS[adapter]
    first = next(iter(versions))
    if adapter in IN_NODE:
        assert first == IN_NODE[adapter]
    else:
        assert MODULES.get(first) == modules[0] or first in packages_distributions()[modules[0]]
    assert all(type(version) is str and version[0].isdigit() for version in versions.values())


@pytest.mark.parametrize("adapter", [pytest.param("numpy", marks=marks_of("numpy"))])
def test_every_adapter_is_asked(adapter: str) -> None:
    asked = {*AGREE, *CALLED}
    assert set(registry.names()) <= asked
