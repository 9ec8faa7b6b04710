"""A pytest session says what failing cases have in common, and so does the results file that it writes."""

import os

import pytest
from harness import python

from conformance.results.reading import read_results
from conformance.results.shared.wording import as_text

ALONE = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": ""}
CASES = ("direction/*", "onnx-exports/*", "lengths/unsorted-*")


@pytest.mark.slow
@pytest.mark.parametrize("processes", [1, 2])
def test_a_session_ends_with_what_failing_cases_have_in_common(tmp_path, processes):
    xdist = ["-p", "xdist", "-n", str(processes)] if processes > 1 else []
    chosen = [part for pattern in CASES for part in ("--lstm-case", pattern)]
    arguments = ["--lstm-suite", "--lstm-adapter", "scans-forward", *chosen, "--lstm-results", "r.jsonl"]
    # The specs may lie in a checkout, whose own settings for pytest are not meant here.
    options = ["-p", "lstm-conformance", "-p", "no:cacheprovider", "-q", "--rootdir", str(tmp_path), "-c", os.devnull]
    done = python("-m", "pytest", *options, *xdist, *arguments, cwd=tmp_path, **ALONE)
    assert "6 failed" in done.stdout, done.stdout + done.stderr
    footer = read_results(tmp_path / "r.jsonl").footer
    assert footer is not None
    (shared,) = footer.shared
    text = as_text(shared)
    assert text.startswith("scans-forward: all 6 cases that failed have direction reverse and dtype float16; none of")
    for line in text.splitlines():
        assert f"lstm-conformance: {line}\n" in done.stdout
