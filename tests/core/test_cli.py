"""The command line: what each command prints, writes and exits with, for a user and for a script."""

import contextlib
import json
import os
import re
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from harness import COMMAND, python, python_path

from conformance import __version__
from conformance.adapters import registry
from conformance.cli import main
from conformance.golden.store import VectorStore
from conformance.results.reading import read_results

FRAMEWORKS = ["torch", "tensorflow", "keras", "jax", "onnx", "onnxruntime", "flint", "rich", "execnet", "pytest"]


def conformance(*arguments: Any) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def matrix_row(output: str, family: str) -> list[str]:
    """The cells of one row, without the lines around them."""
    row = next(line for line in output.splitlines() if line.startswith(f"│{family} "))
    return [cell.strip() for cell in row.strip("│").split("│")]


def test_help_names_every_command_and_each_has_its_own():
    text = conformance("-h").output
    for command in ("run", "list", "show", "schema", "generate", "doctor"):
        assert f"\n  {command} " in text
        found = conformance(command, "-h")
        assert found.exit_code == 0, found.output
    assert __version__ in conformance("--version").output


def test_list_says_of_every_case_what_it_is(suite):
    result = conformance("list", "--specs", suite.specs)
    assert result.exit_code == 0
    *lines, total = result.output.splitlines()
    assert [line.split()[0] for line in lines] == list(suite.cases)
    assert "tiny/lengths                  T=4 B=2 I=3 H=5 bidirectional f32 lengths 2,4" in lines
    assert total == f"{len(suite.cases)} cases in 2 families"


def test_list_as_json_has_a_record_for_every_case(suite):
    records = json.loads(conformance("list", "--specs", suite.specs, "--case", "tiny/*", "--json").output)
    assert [record["id"] for record in records] == [case_id for case_id in suite.cases if case_id.startswith("tiny/")]
    assert records[0] == {
        "id": "tiny/plain-f32",
        "family": "tiny",
        "summary": "T=4 B=2 I=3 H=5 forward f32",
        "source": None,
        "origin": str(suite.cases["tiny/plain-f32"].origin),
        "on_demand": False,
    }


def processor_seconds(*arguments: Any, cwd: Path) -> tuple[float, str]:
    """What a Python process took of the processor, whatever else the machine did; and its output."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = python(*arguments, cwd=cwd)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0, done.stderr
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime, done.stdout


def test_list_is_quick_and_imports_no_framework(suite, tmp_path):
    script = f"{COMMAND.removesuffix('; main()')}; main(standalone_mode=False); print(*sys.modules)"
    needed, _ = processor_seconds("-c", "import click, ml_dtypes, numpy, pydantic, yaml", cwd=tmp_path)
    runs = [processor_seconds("-c", script, "list", "--specs", suite.specs, cwd=tmp_path) for _ in range(2)]
    assert set(runs[0][1].splitlines()[-1].split()).isdisjoint(FRAMEWORKS)
    assert min(seconds for seconds, _ in runs) < 3 * needed


def test_show_prints_options_shapes_and_golden_values(suite):
    result = conformance("show", "tiny/stack", "--specs", suite.specs, "--vectors", suite.vectors)
    assert result.exit_code == 0
    assert result.output.startswith(f"tiny/stack   {suite.cases['tiny/stack'].origin}\n")
    assert "  weights.W.1 float32 (4, 5, 5)\n" in result.output
    assert "  inputs.x float32 (4, 2, 3)\n" in result.output
    golden = VectorStore(suite.vectors).load(suite.cases["tiny/stack"]).golden["logits"]
    assert f"{golden[0, 0, 0]!r}"[len("np.float64(") : -1] in result.output


@pytest.mark.parametrize("case_id", ["tiny/plain-f64", "tiny/lengths", "tiny/stack"])
def test_show_as_json_gives_numbers_that_read_back_the_same(suite, case_id):
    result = conformance("show", case_id, "--json", "--specs", suite.specs, "--vectors", suite.vectors)
    shown = json.loads(result.output)
    vector = VectorStore(suite.vectors).load(suite.cases[case_id])
    assert (shown["id"], shown["spec_digest"]) == (case_id, suite.cases[case_id].digest())
    assert shown["shapes"] == {name: list(array.shape) for name, array in vector.arrays.flat.items()}
    assert list(shown["golden"]) == list(suite.cases[case_id].outputs)
    for name, golden in vector.golden.items():
        assert np.array(shown["golden"][name]).tobytes() == golden.tobytes()
        assert np.array_equal(shown["kappa"][name], vector.kappa[name])


def test_schema_is_json_that_names_the_keys_of_a_spec():
    schema = json.loads(conformance("schema").output)
    assert set(schema["properties"]) == {"family", "description", "source", "defaults", "cases"}
    assert {"name", "vary", "T", "lengths", "tolerance"} <= set(schema["properties"]["cases"]["items"]["properties"])


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


@pytest.fixture
def two_adapters(broken_adapters: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only `numpy` and `import-fails` are installed."""
    monkeypatch.setattr(registry, "GROUP", "lstm_conformance.two")


def test_run_without_an_adapter_takes_all_that_load_and_names_the_others(suite, two_adapters):
    result = conformance("run", "--case", "tiny/reverse", *suite.folders)
    assert result.exit_code == 0
    assert "not here: import-fails cannot load: No module named 'a_framework_nobody_has'\n" in result.output
    assert len(matrix_row(result.output, "tiny")) == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "--adapter", "nunpy"], "no adapter 'nunpy'; did you mean 'numpy'? installed: "),
        (["run", "--adapter", "numpy@npu"], "numpy has no device 'npu'; it has cpu"),
        (["run", "--adapter", "import-fails"], "import-fails cannot load: No module named 'a_framework_nobody_has'"),
        (
            ["run", "--adapter", "numpy", "--case", "tiny/revers"],
            "no case matches 'tiny/revers'; near it: tiny/reverse",
        ),
        (["list", "--case", "nothing"], "no case matches 'nothing'; "),
        (["list", "--case", "!tiny/revers"], "no case matches 'tiny/revers'; near it: tiny/reverse"),
        (["list", "--case", "tiny/*", "--case", "!tiny/*"], "no case is left of those that match tiny/* !tiny/*"),
        (["show", "tiny/plian-f32"], "no case matches 'tiny/plian-f32'; near it: tiny/plain-f32"),
        (["generate", "--check", "--case", "?"], "no case matches '?'; see: conformance list"),
        (
            ["run", "--worker", "old"],
            "--worker old: needs PLACE=python=INTERPRETER or PLACE=ssh=HOST, like old=python=",
        ),
        (
            ["run", "--worker", "a=ssh=b", "--adapter", "numpy"],
            "nothing is to run at the place a: no adapter is called a:",
        ),
        (["run", "--adapter", "old:numpy"], "old:numpy: no place is called old (there is none); name it with --worker"),
        (["run", "--in-process"], "--in-process needs --adapter NAME"),
    ],
)
def test_what_cannot_be_done_exits_with_2_and_the_next_step(suite, broken_adapters, arguments, message):
    folders = {"run": suite.folders, "list": suite.folders[:2]}.get(arguments[0], suite.folders[:4])
    result = conformance(*arguments, *folders)
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "0", "-1", "1e300", "1e9999"])
@pytest.mark.parametrize(
    "arguments",
    [["run", "--timeout"], ["run", "--memory"], ["smoke", "x", "--timeout"], ["upgrade", "x", "y", "--timeout"],
     ["doctor", "--load-timeout"]],
)  # fmt: skip
def test_a_setting_out_of_bounds_is_refused_and_so_is_nan(arguments, value):
    result = conformance(*arguments, value)
    assert result.exit_code == 2
    unit = "GiB" if arguments[-1] == "--memory" else "seconds"
    allowed = f"{arguments[-1]} must be greater than 0 and at most 1,000,000 {unit}"
    assert result.stderr == f"{allowed}, not {float(value):g}\n"


@pytest.mark.parametrize("value", ["nan", "inf", "0", "1e300"])
@pytest.mark.parametrize("arguments", [["upgrade", "x", "y", "--drift"], ["gate", __file__, __file__, "--drift"]])
def test_a_number_out_of_bounds_is_refused_and_so_is_nan(arguments, value):
    result = conformance(*arguments, value)
    assert result.exit_code == 2
    assert f"Invalid value for '{arguments[-1]}': " in result.stderr
    assert "is not in the range" in result.stderr or "nan is not a number" in result.stderr


def test_a_wrong_spec_or_deviations_file_exits_with_2_and_every_problem(suite, tmp_path):
    (tmp_path / "wrong.yaml").write_text("family: w\ncases:\n  - {name: a, T: 0, B: 1, I: 1, H: 1, lenghts: [1]}\n")
    result = conformance("list", "--specs", tmp_path)
    assert result.exit_code == 2
    assert f"{tmp_path}/wrong.yaml:3: lenghts: unknown key; did you mean 'lengths'?" in result.stderr
    (tmp_path / "numpy.yaml").write_text("- {cases: [x], reason: y}\n")
    result = conformance("run", "--adapter", "numpy", *suite.folders, "--deviations", tmp_path)
    assert result.exit_code == 2
    assert result.stderr == f"{tmp_path}/numpy.yaml:1: versions: Field required\n"


def test_doctor_says_what_each_adapter_has_or_lacks(two_adapters):
    result = conformance("doctor")
    assert result.exit_code == 0
    missing, present = sorted(result.output.splitlines())  # they come in the order in which they loaded
    assert missing.split(maxsplit=1) == [
        "import-fails",
        "import-fails cannot load: No module named 'a_framework_nobody_has'",
    ]
    assert present.split(maxsplit=1) == ["numpy", f"numpy {np.__version__} on cpu"]


def test_doctor_as_json_fails_for_an_adapter_asked_for_that_cannot_load(broken_adapters, monkeypatch):
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    result = conformance("doctor", "--adapter", "numpy", "--adapter", "constructor-raises", "--json")
    assert result.exit_code == 1
    problem = "constructor-raises cannot load: RuntimeError: driver too old"
    numpy, broken = json.loads(result.output)
    settings = numpy.pop("settings")
    assert numpy == {"adapter": "numpy", "versions": {"numpy": np.__version__}, "device": "cpu", "problem": None}
    assert broken == {
        "adapter": "constructor-raises",
        "versions": {},
        "device": "",
        "settings": {},
        "problem": problem,
    }
    assert settings["OPENBLAS_CORETYPE"] == "Haswell"
    assert settings["numpy.blas"] and settings["numpy.simd"]


def test_doctor_says_what_decides_about_precision_where_asked(two_adapters):
    assert "numpy.blas" not in conformance("doctor", "--adapter", "numpy").output
    assert "numpy.blas" in conformance("doctor", "--adapter", "numpy", "-v").output


SPEC = "family: made\ncases:\n  - {name: one, T: 3, B: 1, I: 1, H: 2}\n  - {name: two, T: 1, B: 1, I: 2, H: 1}\n"


def test_generate_makes_what_check_demands(tmp_path, suite):
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs" / "made.yaml").write_text(SPEC)

    def generate(*arguments: str) -> tuple[int, str]:
        folders = ("--specs", "specs", "--vectors", "vectors", "-j", "1")
        done = python("-c", COMMAND, "generate", *arguments, *folders, cwd=tmp_path)
        return done.returncode, done.stdout

    code, output = generate("--check")
    assert code == 1
    assert "made/one: made/one has no vector in vectors/MANIFEST.json; make it with: conformance generate" in output
    assert not (tmp_path / "vectors").exists()
    code, output = generate()
    assert code == 0
    assert output.startswith("2 vectors made; every golden value proven with at most ")
    code, output = generate("--check")
    assert code == 0
    assert output.startswith("2 of 2 vectors are the same; ")
    assert output.endswith("; 0 problems\n")
    code, output = generate("--check", "--every", "2")
    assert code == 0
    assert output.startswith("1 of 1 vectors are the same, the digests of 1 others too; ")
    assert generate("--every", "2")[0] == 2
    (tmp_path / "specs" / "made.yaml").write_text(SPEC.replace("name: two, T: 1", "name: three, T: 3"))
    code, output = generate("--check")
    assert code == 1
    assert "made/two: stored, but no spec asks for it\n" in output
    assert "made/three: made/three has no vector in " in output


@pytest.mark.parametrize(
    ("patterns", "chosen"),
    [
        (["!*e*", "!*s*", "!b*"], ["tiny/plain-f32", "tiny/plain-f64"]),
        (["!*", "tiny/reverse"], ["tiny/reverse"]),
        (["tiny/plain-*", "!*-f64"], ["tiny/plain-f32"]),
    ],
)
def test_a_pattern_takes_cases_away_from_those_before_it(suite, patterns, chosen):
    result = conformance("list", *suite.folders[:2], *(part for pattern in patterns for part in ("--case", pattern)))
    assert [line.split()[0] for line in result.output.splitlines() if "/" in line.split(" ")[0]] == chosen
