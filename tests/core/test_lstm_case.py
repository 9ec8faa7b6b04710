"""The fixture `lstm_case` in somebody's pytest: one test for each case that the marker chooses, and clear errors."""

from pathlib import Path

from plugin_sessions import Project

TESTS = """
import pytest, conformance

def test_plain(lstm_case):
    assert isinstance(lstm_case, conformance.LSTMCase)
    assert (lstm_case.dtype, lstm_case.layers, lstm_case.direction) == ("float32", 1, "forward")

@pytest.mark.lstm_cases("stack/plain-*-f32", "!*reverse*", layout="torch")
def test_chosen(lstm_case):
    right = {name: array.astype(lstm_case.dtype) for name, array in lstm_case.golden.items()}
    assert conformance.judge(lstm_case, right)
    assert "weight_hh_l1" in lstm_case.weights_in()

@pytest.mark.lstm_cases("tiny/*", specs=SPECS, vectors=VECTORS)
def test_own(lstm_case):
    assert lstm_case.inputs["x"].shape == (lstm_case.T, lstm_case.B, lstm_case.I)
"""
WRONG = """
import pytest

@pytest.mark.lstm_cases({})
def test_wrong(lstm_case):
    pass
"""


def test_a_test_runs_once_for_each_case(project: Project, tmp_path: Path) -> None:
    folders = f"SPECS, VECTORS = {str(project.suite.specs)!r}, {str(project.suite.vectors)!r}\n"
    (tmp_path / "test_mine.py").write_text(folders + TESTS)
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --strict-markers -p no:cacheprovider\n")
    done = project.pytest("-v", tmp_path / "test_mine.py", cwd=tmp_path)
    assert done.code == 0, done.stdout + done.stderr
    for layers in (2, 3):
        for direction in ("forward", "bidirectional"):
            assert f"test_chosen[stack/plain-layers{layers}-{direction}-f32] PASSED" in done.stdout
    assert "test_plain[cell/step-f32-both-states] PASSED" in done.stdout
    assert "test_own[tiny/" in done.stdout


def test_what_the_marker_cannot_choose_is_said(project: Project, tmp_path: Path) -> None:
    wrong = {
        "'nothing/*'": "lstm_cases: no case matches 'nothing/*'",
        "layouts='torch'": "lstm_cases has no argument 'layouts'; it takes *patterns, layout, specs, vectors",
        "'cell/*', layout='troch'": "no layout 'troch'; did you mean 'torch'?",
    }
    for number, arguments in enumerate(wrong):
        (tmp_path / f"test_wrong_{number}.py").write_text(WRONG.format(arguments))
    done = project.pytest(tmp_path, cwd=tmp_path)
    for said in wrong.values():
        assert said in done.stdout
    assert "Traceback" not in done.stdout
