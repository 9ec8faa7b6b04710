"""The designed cases that are shipped: they are what is drawn, and cover what they are said to cover."""

from functools import cache
from random import Random

import pytest

from conformance.adapters import registry
from conformance.case.load import load_specs
from conformance.data import default_folders
from conformance.golden.design import choosing, draw
from conformance.golden.design.arrays import Open, levels
from conformance.golden.design.factors import OPTIONS
from conformance.golden.design.fitness import unfit
from conformance.golden.design.rows import case_of, completed, row_of
from conformance.golden.design.sizes import storable
from conformance.golden.design.text import spec_of

BUILT_IN = [name for name in registry.names() if registry.is_built_in(name)]


@cache
def shipped():
    return load_specs(default_folders().specs)  # those on demand, too


@cache
def designed():
    return {case: row_of(case.description) for case in shipped() if draw.is_designed(case)}


def options(row):
    return {name: row[name] for name in OPTIONS}


def test_every_case_is_that_of_its_words():
    unlike = {"origin", "exempt", "on_demand"}
    for case, row in designed().items():
        assert case_of(row, case.id).model_dump(exclude=unlike) == case.model_dump(exclude=unlike)
        assert case.on_demand != storable(case)


def test_what_the_array_does_not_cover_cannot_be_had():
    factors, random = levels(), Random(1)
    left = Open(factors, triples=True)
    for case, row in designed().items():
        if case.family == draw.FAMILY:
            left.take(row)
    some = {name: OPTIONS[name] if name in OPTIONS else [n for n in factors[name] if n < 10] for name in factors}
    some = {name: list(known) for name, known in some.items()}
    while (part := left.next()) is not None:
        left.give_up(part)
        if part.keys() <= OPTIONS.keys():
            rows = [completed(part, some, random, left.ranked) for _ in range(3)]
            assert all(row is None or not storable(case_of(row)) or unfit(case_of(row)) for row in rows), part


@pytest.mark.parametrize("adapter", BUILT_IN)
def test_every_pair_of_options_that_an_adapter_has_is_in_a_case(adapter, monkeypatch):
    monkeypatch.setattr(choosing, "_POOL", 60)
    refusal = registry.load(adapter).capabilities.refusal
    candidates = [each for each in choosing.pool(refusal, 2) if unfit(each.case) is None]
    factors = {name: sorted({each.row[name] for each in candidates}) for name in OPTIONS}
    left = Open(factors, triples=False)
    for case, row in designed().items():
        if refusal(case) is None and all(row[name] in factors[name] for name in OPTIONS):
            left.take(options(row))
    assert not [each.row for each in candidates if left.new(options(each.row))]


@pytest.mark.slow
def test_the_last_family_is_drawn_again():
    last = "numpy"  # which has more levels than any other
    others = [case for case in shipped() if case.family != draw.family_of(last)]
    family = draw.of_interface(last, registry.load(last).capabilities.refusal, others, draw.SEED)
    assert spec_of(family) == (default_folders().specs / f"{family.name}.yaml").read_text()
