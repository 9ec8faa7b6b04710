"""The designed cases that are shipped: they are what is drawn, and cover what they are said to cover."""

import itertools
from functools import cache
from random import Random

import pytest

from conformance.adapters import registry
from conformance.case.load import load_specs
from conformance.data import default_folders
from conformance.golden.design import choosing, draw, survivors
from conformance.golden.design.arrays import Open, levels
from conformance.golden.design.factors import OPTIONS
from conformance.golden.design.fitness import unfit
from conformance.golden.design.rows import case_of, completed, row_of
from conformance.golden.design.sizes import storable
from conformance.golden.design.text import spec_of


@cache
def shipped():
    return load_specs(default_folders().specs)  # those on demand, too


@cache
def designed():
    return [(case, row_of(case.description)) for case in shipped() if draw.is_designed(case)]


def options(row):
    return {name: row[name] for name in OPTIONS}


def pairs(row):
    return [frozenset(two) for two in itertools.combinations(options(row).items(), 2)]


@pytest.mark.slow
def test_every_case_is_that_of_its_words():
    unlike = {"origin", "exempt", "on_demand"}
    for case, row in designed():
        assert case_of(row, case.id).model_dump(exclude=unlike) == case.model_dump(exclude=unlike)
        assert case.on_demand != storable(case)


def test_the_array_covers_nearly_all_pairs_and_triples():
    """What is left is impossible, too large for a stored vector, or was not found."""
    left = Open(levels(), triples=True)
    wanted = left.pairs.sum(), left.triples.sum()
    for case, row in designed():
        if case.family == draw.FAMILY:
            left.take(row)
    assert left.pairs.sum() < 0.06 * wanted[0]
    assert left.triples.sum() < 0.14 * wanted[1]


@pytest.mark.parametrize("adapter", ["litert", "onnxruntime", "tf-lstm-block-cell", "torch"])
def test_every_pair_of_options_that_an_adapter_has_is_in_a_case(adapter):
    refusal = registry.load(adapter).capabilities.refusal
    covered = {pair for case, row in designed() if refusal(case) is None for pair in pairs(row)}
    random, found = Random(3), 0
    while found < 10:
        row = completed({}, levels(), random, choosing.mostly_plain(random, 0.9))
        case = case_of(row) if row is not None else None
        if case is not None and refusal(case) is None and storable(case) and unfit(case) is None:
            assert set(pairs(row)) <= covered, case.description
            found += 1


@pytest.mark.slow
def test_every_file_is_what_its_rows_give():
    for name in {case.family for case, _ in designed()}:
        rows = [row for case, row in designed() if case.family == name]
        text = (default_folders().specs / f"{name}.yaml").read_text()
        numbers = [int(case.id.split("/")[1][:3]) for case, _ in designed() if case.family == name]
        if numbers == list(range(1, len(rows) + 1)):  # not where a row could not be proven
            about = next(line for line in text.splitlines() if line.startswith("  "))
            again = spec_of(draw.Family(name, about.strip(), rows))
            assert again.partition("defaults:")[2] == text.partition("defaults:")[2], name


def test_the_cases_made_for_samples_are_what_their_rows_give():
    cases = [case for case in shipped() if case.family == "sampled"]
    assert len(cases) > 100
    text = (default_folders().specs / "sampled.yaml").read_text()
    assert survivors.spec_of("sampled", [row_of(case.description) for case in cases]) == text
