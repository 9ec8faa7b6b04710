"""The default tolerances are what the worst right answers of all adapters demand, no less and no more."""

import json

import pytest
from documents import ROOT

from conformance.case.dtypes import BIAS_ALLOWED, NOISE_ALLOWED, UNIT_ROUNDOFF
from conformance.case.options import Tolerance

DOCS = ROOT / "docs"


@pytest.fixture
def honest(monkeypatch):
    monkeypatch.syspath_prepend(DOCS)
    import honest

    return honest


@pytest.fixture
def worst(honest):
    return json.loads(honest.HONEST.read_text())


@pytest.mark.parametrize(("measure", "allowed"), [("noise", NOISE_ALLOWED), ("bias", BIAS_ALLOWED)])
def test_each_default_is_the_least_that_leaves_room_above_the_worst_right_answer(honest, worst, measure, allowed):
    demanded = honest.demanded(worst, measure)
    assert demanded == {name: allowed[name] for name in demanded}
    # No adapter computes in tf32, one in int8-by-row; integers have no bias.
    assert set(demanded) == set(allowed) - {"tf32", "int8-by-row"}
    assert set(demanded) == set(honest.FORMATS) - (set(honest.UNBIASED) if measure == "bias" else set())


@pytest.mark.parametrize("allowed", [NOISE_ALLOWED, BIAS_ALLOWED])
def test_a_format_without_measurements_has_those_of_the_format_of_its_unit_roundoff(allowed):
    assert UNIT_ROUNDOFF["tf32"] == UNIT_ROUNDOFF["float16"]
    assert allowed["tf32"] == allowed["float16"]
    assert NOISE_ALLOWED["int8-by-row"] == NOISE_ALLOWED["int8"]


def test_the_document_has_the_tables_as_they_are_made(honest, worst):
    text = honest.DOCUMENT.read_text()
    assert honest.BLOCK.search(text)[0] == f"\n{honest.tables(worst)}\n\n"


def test_what_is_collected_is_the_worst_of_what_passed_by_the_format_it_was_judged_in(honest, tmp_path):
    def line(case, adapter, noise, bias, **others):
        fields = {"kind": "result", "case": case, "adapter": adapter, "outcome": "passed", "noise": noise, "bias": bias}
        return json.dumps(fields | {"allowed": 11.0, "precision": "float32"} | others)

    results = tmp_path / "r.jsonl"
    results.write_text(
        "\n".join(
            [
                json.dumps({"kind": "header"}),
                line("a/b", "torch", 2.0, 0.1),
                line("a/c", "torch", 3.0, 0.0),
                line("a/d", "torch", 9.0, 9.0, outcome="failed"),
                line("a/e", "torch", 9.0, 9.0, allowed=None),
                line("a/b", "openvino-default", 4.0, 0.5, precision="bfloat16"),
            ]
        )
    )
    worst = honest.collected([str(results)])
    assert worst == {
        "float32": {"torch": {"noise": 3.0, "noise_case": "a/c", "bias": 0.1, "bias_case": "a/b"}},
        "bfloat16": {"openvino-default": {"noise": 4.0, "noise_case": "a/b", "bias": 0.5, "bias_case": "a/b"}},
    }
    assert honest.demanded(worst, "noise") == {"float32": 5.0, "bfloat16": 6.0}
    assert honest.demanded(worst, "bias") == {"float32": 0.25, "bfloat16": 0.75}


def test_a_tolerance_without_a_noise_term_takes_the_default_of_the_format_that_is_judged_in():
    for name in NOISE_ALLOWED:
        assert Tolerance().terms(name) == {"noise": NOISE_ALLOWED[name]}
        assert Tolerance(ulp=4).terms(name) == {"noise": NOISE_ALLOWED[name], "ulp": 4.0}
        assert Tolerance(noise=None, ulp=4).terms(name) == {"ulp": 4.0}
        assert Tolerance(noise=3.0).terms(name) == {"noise": 3.0}
