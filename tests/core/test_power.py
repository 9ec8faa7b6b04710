"""The power of the vectors: what separation is, that a weak set of vectors is refused, and what is said and printed."""

import json
import math
import re
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from harness import Suite

from conformance import cli
from conformance.case.dtypes import BIAS_ALLOWED, NOISE_ALLOWED
from conformance.case.load import load_specs
from conformance.case.options import Tolerance
from conformance.case.outcomes import Failed
from conformance.cli import options
from conformance.data import DataFolders
from conformance.golden.generate import generate
from conformance.golden.power import LEAST_SEPARATION, Effect, Power, effects, measure, too_weak
from conformance.golden.store import VectorStore
from conformance.lstm.mistakes import BY_ID, CATALOGUE
from conformance.quick.choose import Chooser
from conformance.verdict.compare import judge
from conformance.views import mistakes as view

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "mistakes.md"
MISTAKE = BY_ID["recurrent-bias-ignored"]


def test_an_effect_is_what_the_judge_finds(suite: Suite):
    case = suite.cases["tiny/lengths"]
    vector = VectorStore(suite.vectors).load(case)
    for mistake_id, effect in effects(case, vector.arrays, vector.golden, vector.kappa).items():
        with np.errstate(all="ignore"):
            outputs = BY_ID[mistake_id].outputs(case, vector.arrays.in_dtype(np.float64))
        if any(outputs[name].shape != shape for name, shape in case.outputs.items()):
            assert (effect.noise, effect.separation) == (math.inf, math.inf)
            continue
        rounded = {name: array.astype(np.float32) for name, array in outputs.items()}
        outcome = judge(case, rounded, vector.golden, vector.kappa, precision="float32")
        assert effect.caught == isinstance(outcome, Failed)
        assert effect.noise == pytest.approx(outcome.noise, rel=1e-3, abs=0.6)  # what rounding the answer adds
        if BY_ID[mistake_id].systematic:
            assert effect.separation == outcome.bias / BIAS_ALLOWED["float32"]
            continue
        assert effect.separation == pytest.approx(effect.noise / NOISE_ALLOWED["float32"])


def test_separation_is_by_the_tolerance_of_the_case(suite: Suite):
    case = suite.cases["tiny/plain-f32"]
    vector = VectorStore(suite.vectors).load(case)
    wide = case.model_copy(update={"tolerance": Tolerance(noise=None, absolute=4.0)})
    (one,) = effects(case, vector.arrays, vector.golden, vector.kappa, [MISTAKE]).values()
    (other,) = effects(wide, vector.arrays, vector.golden, vector.kappa, [MISTAKE]).values()
    assert one.noise == other.noise
    assert one.separation == pytest.approx(one.noise / NOISE_ALLOWED["float32"])
    wrong = MISTAKE.outputs(case, vector.arrays.in_dtype(np.float64))
    worst = max(float(np.max(np.abs(wrong[name] - vector.golden[name]))) for name in case.outputs)
    assert other.separation == pytest.approx(worst / 4.0)
    assert one.caught
    assert not other.caught


def power(*found: Effect) -> Power:
    return Power(MISTAKE, list(found))


def effect(name: str, dtype: str, noise: float) -> Effect:
    return Effect(f"family/{name}", dtype, noise, noise / NOISE_ALLOWED[dtype])


def test_separation_is_counted_in_float32_where_the_mistake_shows_there():
    both = power(effect("a", "float32", 220.0), effect("b", "float64", 1e9), effect("c", "float32", 0.0))
    assert (both.separation, both.best.case_id) == (20.0, "family/a")
    assert (both.least, both.greatest) == (0.0, 1e9)
    assert [e.case_id for e in both.caught] == ["family/a", "family/b"]
    only_in_float64 = power(effect("a", "float32", 0.3), effect("b", "float64", 1e9))
    assert only_in_float64.best.case_id == "family/b"


def test_a_nan_separates_but_a_number_is_shown_where_one_does():
    assert power(effect("nan", "float32", math.inf), effect("a", "float32", 20.0)).separation == math.inf
    assert power(effect("nan", "float32", math.inf), effect("a", "float32", 1100.0)).separation == 100.0


def test_a_mistake_that_no_case_can_show_is_not_separated():
    assert power().separation == 0.0
    assert power().best is None


@pytest.mark.slow
def test_the_suite_separates_every_mistake():
    cases = load_specs(ROOT / "specs")
    large = [case for case in cases if case.on_demand]  # made by `conformance generate`, too costly here
    elsewhere = tuple(f"mistake {m.id}: applies to no case" for m in CATALOGUE if any(map(m.applies, large)))
    shipped = [case for case in cases if not case.on_demand]
    # Those that the table of catches names; all of them are tried by `conformance generate`.
    quick = Chooser(ROOT / "vectors").choose(shipped, "any", lambda case: True, ())
    weak = too_weak([each.case for each in quick.chosen], ROOT / "vectors")
    assert [line for line in weak if not line.startswith(elsewhere)] == []


def test_vectors_that_hide_a_mistake_are_refused_and_it_is_named():
    cases = [case for case in load_specs(ROOT / "specs") if case.family == "tf-constant-half"]
    lines = too_weak(cases, ROOT / "vectors", jobs=1)
    assert any(
        re.match(r"mistake gates-iofg-read-as-ifgo: best separation is .* \(.*\), needs 8; ", line) for line in lines
    )
    assert any(line.startswith("mistake peephole-ignored: applies to no case") for line in lines)
    assert not any(line.startswith("mistake output-gate-left-out:") for line in lines)


@pytest.mark.slow
def test_too_weak_agrees_with_the_whole_measurement():
    cases = [case for case in load_specs(ROOT / "specs") if case.family in ("cell", "head")]
    powers = measure(cases, ROOT / "vectors", jobs=1)
    weak = {found.mistake.id for found in powers if found.separation < LEAST_SEPARATION}
    assert {re.match(r"mistake ([\w-]+):", line)[1] for line in too_weak(cases, ROOT / "vectors", jobs=1)} == weak
    assert [found.mistake for found in powers] == list(CATALOGUE)


def test_generation_of_the_suites_own_vectors_fails_where_they_are_too_weak(suite: Suite, monkeypatch):
    arguments = ["generate", "--check", "--specs", str(suite.specs), "--vectors", str(suite.vectors)]
    others = CliRunner().invoke(cli.main, arguments)
    assert "mistake" not in others.output
    monkeypatch.setattr(options, "FOLDERS", DataFolders(suite.specs, suite.vectors, suite.deviations))
    own = CliRunner().invoke(cli.main, arguments)
    assert own.exit_code == 1
    assert "\nmistake peephole-ignored: applies to no case" in own.output


SHOWS_LATE = """\
family: late
defaults: {T: 2, I: 2, H: 3, peephole: true}
cases:
  - {name: a, B: 1, dtype: float64}
  - {name: b, B: 2, dtype: float64}
  - {name: c, B: 3, dtype: float64}
  - {name: little-in-float32, B: 4, weights: {peephole: {uniform: {low: -0.000002, high: 0.000002}}}}
  - {name: d, B: 5, dtype: float64}
  - {name: much-in-float32, B: 6}
"""


def test_enough_cases_in_another_format_do_not_end_the_search(tmp_path: Path):
    """Three in float64 come first; then a case shows a little in float32, which is what counts, and a later one all."""
    (tmp_path / "late.yaml").write_text(SHOWS_LATE)
    cases = load_specs(tmp_path)
    generate(cases, VectorStore(tmp_path / "v"), prune=False, jobs=1, report=lambda case, built: None)
    found = {p.mistake.id: p for p in measure(cases, tmp_path / "v", jobs=1)}["peephole-ignored"]
    little = next(e for e in found.effects if e.case_id == "late/little-in-float32")
    assert 1.0 < little.noise < LEAST_SEPARATION * NOISE_ALLOWED["float32"]
    assert not any("peephole-ignored" in line for line in too_weak(cases, tmp_path / "v", jobs=1))


# The command and the document


def test_the_command_prints_a_line_a_mistake_the_least_separated_first(suite: Suite):
    arguments = ["mistakes", "--case", "tiny/*", "--specs", str(suite.specs), "--vectors", str(suite.vectors)]
    text = CliRunner().invoke(cli.main, arguments)
    assert text.exit_code == 0, text.output
    rows = [re.split(" *[│|] *", line)[1:-1] for line in text.output.splitlines() if re.match("[│|]", line)]
    assert {row[0] for row in rows} == set(BY_ID)
    assert next(row[1:3] for row in rows if row[0] == MISTAKE.id) == ["bias", "5 of 5"]
    separations = [float(row[4]) for row in rows]
    assert separations == sorted(separations)
    assert text.output.splitlines()[-1].startswith(f"{len(CATALOGUE)} mistakes; ")


def test_the_command_prints_json(suite: Suite):
    arguments = ["mistakes", "--case", "tiny/*", "--specs", str(suite.specs), "--vectors", str(suite.vectors), "--json"]
    listed = json.loads(CliRunner().invoke(cli.main, arguments).stdout)
    assert [entry["id"] for entry in listed] == list(BY_ID)
    (entry,) = [entry for entry in listed if entry["id"] == MISTAKE.id]
    assert set(entry) == {
        *("id", "axis", "what", "link", "applies", "caught_by", "least_noise"),
        *("greatest_noise", "separation", "best_case"),
    }
    assert entry["applies"] == len(entry["caught_by"]) == 5
    assert entry["best_case"].startswith("tiny/")


def test_without_a_selection_weakness_is_an_exit_code(suite: Suite):
    arguments = ["mistakes", "--specs", str(suite.specs), "--vectors", str(suite.vectors), "--json"]
    assert CliRunner().invoke(cli.main, arguments).exit_code == 1


def test_the_document_has_every_mistake_as_the_catalogue_has_it():
    text = DOCUMENT.read_text()
    again = "make it again: conformance mistakes --markdown > docs/mistakes.md"
    assert re.findall(r"^### (.*)$", text, re.MULTILINE) == [mistake.id for mistake in CATALOGUE], again
    for mistake in CATALOGUE:
        assert view.entry(mistake) in text, f"{mistake.id}: {again}"
