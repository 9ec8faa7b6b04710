"""What `conformance run` prints, writes and exits with: matrix, messages, known deviations and warnings."""

import contextlib
import os
import re
import subprocess
import sys

import numpy as np
import pytest
from command_line import conformance, matrix_row
from harness import COMMAND, SPECS, python, python_path

from conformance import __version__
from conformance.golden.store import VectorStore
from conformance.results.reading import read_results


def test_run_passes_with_a_matrix_and_exit_code_0(suite, broken_adapters, tmp_path, monkeypatch):
    monkeypatch.setenv("LSTM_BROKEN_STARTS", str(tmp_path / "starts"))
    result = conformance("run", "--adapter", "counts-starts", "--case", "tiny/*", *suite.folders)
    assert result.exit_code == 0, result.output
    assert "┃ counts-starts┃" in result.stdout.splitlines()[1]
    assert len((tmp_path / "starts").read_text().splitlines()) == 1
    passed, noise = matrix_row(result.output, "tiny")[1].split()
    assert passed == matrix_row(result.output, "all")[1].split()[0] == "5/0/0"
    assert 0 < float(noise) < 16
    assert result.output.splitlines()[-3].startswith("each cell: passed / failed / unsupported, worst noise")
    assert result.output.splitlines()[-1] == "5 results, 0 unexpected"
    assert "FAILED" not in result.output


def test_run_fails_with_each_message_and_exit_code_1_and_keeps_the_chatter_of_workers_to_itself(suite, tmp_path):
    ways = ["right", "noisy", "nan", "missing"]
    selected = [argument for way in ways for argument in ("--case", f"broken/{way}")]
    arguments = ["run", "--adapter", "broken", "--adapter", "numpy", *selected, "-o", "out/r.jsonl", *suite.folders]
    done = python("-c", COMMAND, *arguments, cwd=tmp_path)
    assert done.returncode == 1, done.stderr
    assert "chatter" not in done.stdout + done.stderr
    heads = [line.split(" [")[0] for line in done.stdout.splitlines() if " [broken; lstm-broken 1.5]   " in line]
    assert heads == ["FAILED broken/nan", "FAILED broken/missing"]
    assert "  c_n: not returned\n" in done.stdout
    folders = " ".join(map(str, suite.folders))
    assert f"  again: conformance run --adapter broken --case broken/nan {folders}\n" in done.stdout
    cells = matrix_row(done.stdout, "broken")
    assert [cell.split()[0] for cell in cells] == ["broken", "2/2/0", "4/0/0"]
    assert done.stdout.endswith("8 results, 2 unexpected; written to out/r.jsonl\n")
    said = r"{} of 2 adapters done: (broken|numpy), ([\d.]+) s to load, ([\d.]+) s in the cases\n"
    told = re.fullmatch(said.format(1) + said.format(2), done.stderr)
    assert told is not None and {told[1], told[4]} == {"broken", "numpy"}
    seconds = {told[n]: (float(told[n + 1]), float(told[n + 2])) for n in (1, 4)}

    results = read_results(tmp_path / "out" / "r.jsonl")
    assert results.complete
    assert (results.header.suite, results.header.cases) == (__version__, 4)
    assert results.header.vectors == VectorStore(suite.vectors).digest()
    assert {name: info.versions for name, info in results.header.adapters.items()} == {
        "broken": {"lstm-broken": "1.5", "numpy": np.__version__},
        "numpy": {"numpy": np.__version__},
    }
    of = {name: [r for r in results.records if r.adapter == name] for name in results.header.adapters}
    assert results.footer is not None and results.footer.seconds is not None
    assert 120 > results.footer.seconds > max(own for _, own in seconds.values())
    for name, (loading, own) in seconds.items():
        assert loading == pytest.approx(results.footer.import_seconds[name], abs=0.01) and loading > 0.01
        assert own == pytest.approx(sum(r.seconds for r in of[name]), abs=0.01)
    assert [r.case for r in of["broken"]] == [r.case for r in of["numpy"]] == [f"broken/{way}" for way in ways]
    assert [r.unexpected for r in of["broken"]] == [False, False, True, True]
    assert of["broken"][2].message in done.stdout


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="there are no pseudo-terminals here")
def test_somebody_who_looks_on_sees_how_far_each_adapter_is(suite, tmp_path):
    seen, terminal = os.openpty()
    arguments = ["run", "--adapter", "broken", "--adapter", "numpy", "--case", "broken/right", *suite.folders]
    command = [sys.executable, "-c", COMMAND, *map(str, arguments)]
    environment = os.environ | {"PYTHONPATH": python_path(), "TERM": "xterm", "COLUMNS": "100"}
    with subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=terminal) as process:
        os.close(terminal)
        drawn = b""
        with contextlib.suppress(OSError):  # which is how a terminal that nobody writes to any more ends
            while part := os.read(seen, 1 << 16):
                drawn += part
    os.close(seen)
    assert process.returncode == 0
    last = [line for line in drawn.decode().splitlines() if "1/1" in line][-2:]
    assert ["broken" in last[0], "numpy" in last[1]] == [True, True], drawn


def test_run_counts_a_known_deviation_and_shows_it_only_on_request(suite, broken_adapters, tmp_path):
    (tmp_path / "broken.yaml").write_text(
        "- {cases: [broken/nan], reason: a rounding mode, versions: {lstm-broken: '>=1'}}\n"
    )
    arguments = ["run", "--adapter", "broken", "--case", "broken/nan", *suite.folders, "--deviations", tmp_path]
    quiet, verbose = conformance(*arguments), conformance(*arguments, "-v")
    assert (quiet.exit_code, verbose.exit_code) == (0, 0)
    assert matrix_row(quiet.output, "broken")[1] == "0/0/0 +1 known"
    assert "a rounding mode" not in quiet.output
    assert f"known deviation: a rounding mode ({tmp_path}/broken.yaml:1)" in verbose.output


def test_an_unexpected_pass_is_not_counted_as_a_failure(suite, broken_adapters, tmp_path):
    text = "- {cases: [broken/right, broken/nan], reason: mended, versions: {lstm-broken: '>=1'}}\n"
    (tmp_path / "broken.yaml").write_text(text)
    chosen = ["--case", "broken/right", "--case", "broken/nan", "--case", "broken/missing"]
    result = conformance("run", "--adapter", "broken", *chosen, *suite.folders, "--deviations", tmp_path)
    assert result.exit_code == 1
    assert matrix_row(result.stdout, "broken")[1] == "0/1/0 +1 known +1 xpass"
    assert "+n xpass: passed although recorded as wrong\n" in result.stdout
    assert result.stdout.endswith("\n3 results, 2 unexpected (1 failed, 1 xpass)\n")


@pytest.mark.slow  # starts six workers
@pytest.mark.parametrize("wide", [False, True])
def test_the_matrix_of_a_log_has_100_columns_unless_asked_for_more(suite, tmp_path, wide):
    labels = [f"place-{n:040}" for n in range(3)]
    places = [word for label in labels for word in ("--worker", f"{label}=python={sys.executable}")]
    adapters = [word for label in labels for word in ("--adapter", f"{label}:numpy")]
    arguments = ["run", *places, *adapters, "--case", "tiny/reverse", *suite.folders, *(["--wide"] if wide else [])]
    done = python("-c", COMMAND, *arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    heads = [line for line in done.stdout.splitlines() if line.startswith("┃family")]
    assert len(heads) == (1 if wide else 3)
    assert (max(map(len, done.stdout.splitlines())) > 100) == wide
    assert "".join(heads).count(":numpy") == 3


def test_what_in_the_known_deviations_can_have_no_effect_is_a_warning(suite, broken_adapters, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "known").mkdir()
    (tmp_path / "known" / "ghost.yaml").write_text("nonsense")
    (tmp_path / "known" / "numpy.yml").write_text("nonsense")
    entry = "- {cases: [tiny/*, tiny/revers, cell/step-f32-no-states], reason: x, versions: {numppy: '>1'}}\n"
    (tmp_path / "known" / "numpy.yaml").write_text(entry)
    arguments = ["run", "--adapter", "numpy", "--case", "tiny/reverse", *suite.folders, "--deviations", "known"]
    result = conformance(*arguments)
    assert result.exit_code == 0
    assert [line for line in result.stderr.splitlines() if "warning" in line] == [
        f"warning: known/{warning}"
        for warning in (
            "ghost.yaml:1: is not read, for no adapter is called ghost; they are listed by: conformance doctor",
            "numpy.yml:1: is not read, for its name does not end in .yaml",
            "numpy.yaml:1: cases: tiny/revers fits no case; near it: tiny/reverse",
            "numpy.yaml:1: versions: numpy reports no numppy; it reports numpy",
        )
    ]
    assert "warning" not in conformance(*arguments[:-2]).output


def test_run_without_an_adapter_takes_all_that_load_and_names_the_others(suite, two_adapters):
    result = conformance("run", "--case", "tiny/reverse", *suite.folders)
    assert result.exit_code == 0
    assert "not here: import-fails cannot load: No module named 'a_framework_nobody_has'\n" in result.output
    assert len(matrix_row(result.output, "tiny")) == 2


def test_only_cases_whose_golden_values_are_shipped(suite, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "specs"
    folder.mkdir()
    (folder / "tiny.yaml").write_text(SPECS["tiny.yaml"] + "  - {name: large, on_demand: true}\n")
    words = ["run", "--adapter", "numpy", "--specs", folder, *suite.folders[2:]]
    shipped = conformance(*words, "--shipped")
    assert shipped.exit_code == 0, shipped.output
    assert shipped.output.splitlines()[-1] == "5 results, 0 unexpected"
    assert not list((tmp_path / "cache").rglob("*.safetensors"))
    none = conformance(*words, "--shipped", "--case", "tiny/large")
    assert none.exit_code == 2
    assert "the golden values of all these cases are made on demand: leave out --shipped" in none.stderr
    assert conformance(*words).output.splitlines()[-1] == "6 results, 0 unexpected"
