"""Every mistake of the catalogue that an adapter's cases catch fails one of its quick cases, run as an adapter."""

import functools

import numpy as np
import pytest

from conformance.adapters import registry
from conformance.case.outcomes import Failed
from conformance.case.select import select_cases
from conformance.data import default_folders
from conformance.golden.cache import cached
from conformance.golden.store import VectorStore
from conformance.lstm.mistakes import BY_ID, CATALOGUE
from conformance.quick.choose import Chooser, keys_of
from conformance.results.deviations import load_deviations
from conformance.verdict.compare import judge

FOLDERS = default_folders()
STORE = VectorStore(FOLDERS.vectors)
ADAPTERS = [name for name in registry.names() if registry.is_built_in(name)]


@functools.cache
def cases():
    return select_cases(FOLDERS.specs, ())


@functools.cache
def chooser():
    return Chooser(FOLDERS.vectors)


@functools.cache
def fails(mistake: str, case_id: str) -> bool:
    """Whether a framework that makes the mistake, in the case's own format, fails the case."""
    (case,) = (case for case in cases() if case.id == case_id)
    vector = cached(case) if case.on_demand else STORE.load(case)
    working = np.float64 if case.dtype == "float64" or BY_ID[mistake].systematic else np.float32
    outputs = BY_ID[mistake].outputs(case, vector.arrays.in_dtype(working))
    with np.errstate(over="ignore"):
        answer = {name: array.astype(case.np_dtype) for name, array in outputs.items()}
    verdict = judge(case, answer, vector.golden, vector.kappa, precision=case.dtype, arrays=vector.arrays)
    return isinstance(verdict, Failed)


@pytest.mark.slow
@pytest.mark.parametrize("adapter", ADAPTERS)
def test_each_mistake_fails_a_quick_case(adapter):
    refusal = registry.load(adapter).capabilities.refusal
    known = load_deviations(FOLDERS.deviations, adapter)
    quick = chooser().choose(cases(), adapter, lambda case: refusal(case) is None, known)
    assert quick.caught == quick.catchable
    table, chosen = chooser().table, [each.case for each in quick.chosen]
    keys = keys_of(STORE)
    passed = []
    for mistake in CATALOGUE:
        column = table.mistakes.index(mistake.id)
        rows = [(case, table.of([keys[case.id]])[0, column]) for case in chosen if case.id in keys]
        catching = [case for case, level in rows if level]
        if catching and not any(fails(mistake.id, case.id) for case in catching):
            passed.append(mistake.id)
    assert passed == []
