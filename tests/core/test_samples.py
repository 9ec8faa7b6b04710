"""Samples of mistakes: what is drawn, what is counted, and what the command says of them."""

from __future__ import annotations

import json
import re
from pathlib import Path

from click.testing import CliRunner

from conformance.case.load import load_specs
from conformance.case.model import Case
from conformance.cli import main
from conformance.golden import sampling
from conformance.lstm.mistakes.grammar import sampled
from conformance.lstm.mistakes.grammar.conditions import PROPERTIES
from conformance.lstm.mistakes.grammar.faults import FAULTS
from conformance.lstm.mistakes.grammar.sites import SITES

EVERYTHING = [(site.word, fault) for site in SITES.values() for fault in site.faults]
SHOWN_BY_NONE = {
    *((site, "exchanged") for site in ("forget-bias", "loss")),  # the same number for each unit; one number
    *((site, "stale") for site in ("forget-bias", "input-bias", "recurrent-bias", "norm-bias", "projection-bias")),
    *((site, "stale") for site in ("head-bias", "loss", "final-h", "final-c", "initial-h", "initial-c")),
    *((site, "stale") for site in ("grad-head", "grad-head-bias", "back-h-initial", "back-c-initial")),
}
"""Faults that change nothing, because there is no neighbour and no step before."""


def case_of(**fields: object) -> Case:
    return Case.model_validate({"id": "test/case", "seed": 5, "T": 4, "B": 3, "I": 4, "H": 6} | fields)


def test_a_sample_depends_on_its_seed_alone() -> None:
    one, same, other = (sampling.take(6, seed) for seed in (4, 4, 5))
    assert [each.mistake.id for each in one.drawn] == [each.mistake.id for each in same.drawn]
    assert [each.mistake.id for each in one.drawn] != [each.mistake.id for each in other.drawn]


def test_a_sample_for_an_interface_has_only_cases_that_it_takes() -> None:
    one_step = sampling.take(20, 1, lambda case: case.T == 1)
    assert {each.probe.T for each in one_step.drawn} == {1}


def test_no_interface_gets_an_endless_search() -> None:
    assert sampling.take(2, 1, lambda case: False).drawn == []


def test_the_interval_is_wilsons() -> None:
    sample = sampling.take(10, 1)
    sample.caught = {each.mistake.id: "some/case" for each in sample.drawn[:9]}
    low, high = sample.interval
    assert (round(low, 3), round(high, 3)) == (0.596, 0.982)
    assert len(sample.survivors) == 1


def test_the_command_says_what_is_caught_and_gives_a_case_for_the_rest(tmp_path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs" / "one.yaml").write_text(
        "family: one\ncases: [{name: plain, T: 3, B: 2, I: 5, H: 4, seed: 1}]\n"
    )
    suite = ["--specs", str(tmp_path / "specs"), "--vectors", str(tmp_path / "vectors")]
    made = CliRunner().invoke(main, ["generate", *suite])
    assert made.exit_code == 0, made.output
    drawn = [sampled(f"input-product:{fault}:all:always") for fault in ("dropped", "flushed")]  # both apply
    sample = sampling.Sample(0, [sampling.Drawn(each, case_of()) for each in drawn])
    sampling.measure(sample, list(load_specs(tmp_path / "specs")), tmp_path / "vectors", jobs=1)
    assert sample.caught == {drawn[0].id: "one/plain"}
    words = ["mistakes", "--sample", "12", "--seed", "3", *suite]
    found = CliRunner().invoke(main, [*words, "--json"])
    data = json.loads(found.stdout)
    assert (found.exit_code, data["shown"], data["seed"]) == (0, 12, 3)
    assert 0 < data["caught"] < 12
    for each in data["mistakes"]:
        assert each["caught_by"] in (None, "one/plain")
        case = Case.model_validate({"id": "test/case", "seed": 1} | each["shown_by"])
        assert sampled(each["id"]).applies(case)
    text = CliRunner().invoke(main, [*words, "--at-least", "99"])
    assert text.exit_code == 1
    assert f"{data['caught']} caught" in text.stdout
    assert text.stdout.count("a case for it: {") == 12 - data["caught"]


def test_a_case_made_on_demand_is_tried_last(tmp_path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs" / "two.yaml").write_text(
        "family: two\ndefaults: {T: 3, B: 2, I: 5, H: 4, seed: 1}\n"
        "cases: [{name: made, T: 2, peephole: true, on_demand: true}, {name: stored}]\n"
    )
    suite = ["--specs", str(tmp_path / "specs"), "--vectors", str(tmp_path / "vectors")]
    assert CliRunner().invoke(main, ["generate", *suite]).exit_code == 0
    everywhere, there = (sampled(f"{site}:dropped:all:always") for site in ("input-product", "peephole"))
    sample = sampling.Sample(0, [sampling.Drawn(each, case_of()) for each in (everywhere, there)])
    sampling.measure(sample, list(load_specs(tmp_path / "specs")), tmp_path / "vectors", jobs=1)
    assert sample.caught == {everywhere.id: "two/stored", there.id: "two/made"}


def test_the_document_lists_every_word() -> None:
    text = (Path(__file__).parents[2] / "docs" / "sampled-mistakes.md").read_text()
    words = set(re.findall(r"`([\w-]+)`", text))
    assert words >= {*SITES, *FAULTS, *PROPERTIES, *PLACES_OF_ONE}
    assert {word for word in words if word.startswith(("back-", "grad-"))} <= set(SITES)


PLACES_OF_ONE = ("all", "calls-later", "blocks-later", "direction-forward", "direction-reverse")


def test_options_of_a_sample_need_one() -> None:
    for words in (["--seed", "1"], ["--adapter", "numpy"], ["--at-least", "5"], ["--sample", "2", "peephole-ignored"]):
        assert CliRunner().invoke(main, ["mistakes", *words]).exit_code == 2
