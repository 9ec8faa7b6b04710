"""How results show in a pytest session: outcomes, messages, properties and the results file, also under xdist."""

from typing import Any

import pytest
from plugin_sessions import Project, Session, adapters, cases, session

from conformance.golden.store import VectorStore

pytestmark = pytest.mark.slow  # each test is a session of pytest, or several, in a process of its own

WAYS = ["right", "raises", "missing", "nan", "exits", "hangs", "still-right"]


def selected(*ways: str) -> list[str]:
    return cases("tiny/*", *(f"broken/{way}" for way in ways))


@pytest.fixture(scope="module")
def whole(project: Project) -> Session:
    """Right and wrong adapters, and one that cannot load, in one process."""
    arguments = [*adapters("broken", "constructor-raises", "numpy"), *selected(*WAYS), "--lstm-timeout", "2"]
    return session(project, "whole", "specs", "-v", "-rs", *arguments)


def test_every_case_is_a_test_with_every_adapter_and_an_adapters_tests_stand_together(whole, project):
    ids = [line.split()[0] for line in whole.done.stdout.splitlines() if "::" in line and "%]" in line]
    chosen = [f"broken/{way}" for way in WAYS] + [c for c in project.suite.cases if c.startswith("tiny/")]
    assert ids == [
        f"specs/{case_id.split('/')[0]}.yaml::{case_id}[{adapter}]"
        for adapter in ("broken", "constructor-raises", "numpy")
        for case_id in chosen
    ]
    assert whole.done.code == pytest.ExitCode.TESTS_FAILED
    digest = VectorStore(project.suite.vectors).digest()[:12]
    assert f"lstm-conformance: adapters broken, constructor-raises, numpy; vectors {digest}\n" in whole.done.stdout


def test_right_answers_pass(whole):
    assert {o.kind for name, o in whole.outcomes.items() if name.endswith("[numpy]")} == {"passed"}
    assert whole.outcomes["broken/right[broken]"].kind == "passed"


def test_an_unsupported_case_is_skipped_with_the_adapters_reason_and_the_cases_place(whole):
    outcome = whole.outcomes["tiny/plain-f64[broken]"]
    assert (outcome.kind, outcome.message) == ("skipped", "broken computes in float32, not in float64")
    assert "SKIPPED [1] specs/tiny.yaml:4: broken computes in float32, not in float64\n" in whole.done.stdout


def test_a_known_deviation_that_shows_is_an_expected_failure_with_its_reason(whole):
    outcome = whole.outcomes["broken/nan[broken]"]
    assert (outcome.kind, outcome.message) == ("xfail", "a known mishap")


def test_a_known_deviation_that_does_not_show_fails(whole):
    outcome = whole.outcomes["broken/still-right[broken]"]
    assert outcome.kind == "failure"
    assert outcome.text.startswith("PASSED broken/still-right [broken; lstm-broken 1.5]")
    assert "does not show the known deviation: wrong until the last release (deviations/broken.yaml:4)" in outcome.text


@pytest.mark.parametrize(
    ("way", "outcome", "message"),
    [
        ("raises", "errored", "RuntimeError: no kernel for this shape"),
        ("missing", "failed", "c_n: not returned"),
        ("exits", "crashed", "the worker process ended: exit code 3; it last printed:\n  | device lost"),
        ("hangs", "timed out", "no answer within 2 s; the worker was killed here:"),
    ],
)
def test_a_failure_shows_the_message_of_the_command_line_and_nothing_else(whole, project, way, outcome, message):
    shown = whole.outcomes[f"broken/{way}[broken]"]
    assert (shown.kind, shown.properties["outcome"]) == ("failure", outcome)
    line = next(li for li in whole.results if (li.get("case"), li.get("adapter")) == (f"broken/{way}", "broken"))
    assert shown.text == line["message"]
    assert shown.text.startswith(shown.message.partition("\n[+")[0])  # pytest shortens a long one
    assert f"\n  {message}\n" in shown.text
    where = project.suite.cases[f"broken/{way}"].origin.line
    assert f"   specs/broken.yaml:{where}\n" in shown.text
    header = f" broken/{way}[broken] "
    section = whole.done.stdout.split(f"{header}__", 1)[1].split("\n", 1)[1]
    assert section.startswith(shown.text + "\n_") or section.startswith(shown.text + "\n=")
    assert "plugin.py" not in whole.done.stdout


def test_an_adapter_that_cannot_load_is_an_error_of_each_of_its_tests(whole):
    found = [o for name, o in whole.outcomes.items() if name.endswith("[constructor-raises]")]
    assert len(found) == len(WAYS) + 5
    for outcome in found:
        assert (outcome.kind, outcome.text) == ("error", "constructor-raises cannot load: RuntimeError: driver too old")


def test_a_test_has_its_outcome_noise_and_versions_as_properties(whole):
    properties = whole.outcomes["tiny/reverse[broken]"].properties
    assert properties["outcome"] == "passed"
    assert 0 < float(properties["noise"]) < 16
    assert properties["versions"].startswith("lstm-broken 1.5, numpy ")
    assert set(whole.outcomes["tiny/plain-f64[broken]"].properties) == {"outcome", "versions"}


def test_the_results_file_lacks_its_footer_where_an_adapter_gave_no_results(whole):
    header, *results = whole.results
    assert {line["kind"] for line in results} == {"result"}
    assert len(results) == 2 * (len(WAYS) + 5)
    assert header["adapters"]["constructor-raises"] == {}
    assert header["adapters"]["broken"]["versions"]["lstm-broken"] == "1.5"


@pytest.fixture(scope="module")
def parallel(project: Project) -> Session:
    """The like of it in two processes, without what takes long."""
    ways = selected("raises", "missing", "nan", "still-right")
    return session(project, "parallel", "specs", "-q", "-n", "2", *adapters("broken", "numpy"), *ways, xdist=True)


@pytest.mark.slow
def test_under_xdist_the_outcomes_are_the_same(whole, parallel):
    assert len(parallel.outcomes) == 2 * (4 + 5)
    assert parallel.outcomes == {name: whole.outcomes[name] for name in parallel.outcomes}
    assert parallel.done.code == pytest.ExitCode.TESTS_FAILED


def test_under_xdist_the_results_of_all_processes_are_in_the_one_file(whole, parallel):
    header, *results, footer = parallel.results
    assert footer == {"kind": "footer", "results": len(results)}
    assert header["adapters"] == {name: whole.results[0]["adapters"][name] for name in ("broken", "numpy")}

    def comparable(lines: list[dict[str, Any]]) -> dict[tuple[str, str], Any]:
        return {(line["adapter"], line["case"]): (line["outcome"], line.get("noise")) for line in lines}

    assert len(results) == len(comparable(results)) == 2 * (4 + 5)
    assert comparable(results).items() <= comparable(whole.results[1:]).items()
