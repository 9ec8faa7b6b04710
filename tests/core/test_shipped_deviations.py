"""Every known deviation that is shipped names cases of the suite, an adapter, a mistake and its proof."""

import fnmatch
from pathlib import Path

import pytest

from conformance.adapters import registry
from conformance.case.load import load_specs
from conformance.results.deviations import load_deviations

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "deviations").glob("*.yaml"))
ALL = [(path.stem, d) for path in FILES for d in load_deviations(ROOT / "deviations", path.stem)]


@pytest.fixture(scope="module")
def ids():
    return [case.id for case in load_specs(ROOT / "specs")]


def test_there_are_deviations_to_check():
    assert len(ALL) >= 5


@pytest.mark.parametrize(
    ("adapter", "deviation"), ALL, ids=lambda v: v if isinstance(v, str) else v.where.split("/")[-1]
)
def test_every_pattern_names_a_case_and_every_entry_its_proof(adapter, deviation, ids):
    assert adapter in registry.names()
    assert deviation.mistake or "no mistake of the catalogue tells" in " ".join(deviation.reason.split())
    assert deviation.repro
    assert (ROOT / deviation.repro).exists()
    for pattern in deviation.cases:
        assert any(fnmatch.fnmatchcase(case_id, pattern) for case_id in ids), f"{pattern} names no case"


def test_what_depends_on_a_processor_s_bfloat16_is_in_bfloat16():
    """In PyTorch; OpenVINO uses it by default for any format."""
    of_dtype = {case.id: case.dtype for case in load_specs(ROOT / "specs")}
    depends = [(adapter, d) for adapter, d in ALL if "torch.bf16_instructions" in d.settings]
    assert depends
    for adapter, deviation in depends:
        found = {dtype for i, dtype in of_dtype.items() for p in deviation.cases if fnmatch.fnmatchcase(i, p)}
        assert found == {"bfloat16"}, f"{adapter}: {deviation.where}"
