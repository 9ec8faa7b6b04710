"""What a command cannot do it refuses with exit code 2, saying what is allowed and the next step."""

import sys

import pytest
from command_line import conformance


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
        (
            ["run", "--on", "dask", "--adapter", "numpy", "--in-process"],
            "--on starts its workers elsewhere: --in-process does not go with it",
        ),
        (
            ["generate", "--on", "dask", "--repack"],
            "--repack, --catches and --times do not compute on a cluster: leave out --on",
        ),
        (["mistakes", "--on", "dask"], "--seed, --adapter, --at-least, --add-to and --on are about --sample"),
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


def test_a_cluster_without_dask_is_refused_in_one_line(suite, monkeypatch):
    monkeypatch.setitem(sys.modules, "dask", None)  # as if it were not installed
    monkeypatch.delitem(sys.modules, "conformance.cluster.joining", raising=False)
    result = conformance("run", "--adapter", "numpy", "--on", "tcp://scheduler:8786", *suite.folders)
    assert result.exit_code == 2
    assert result.stderr == (
        "--on tcp://scheduler:8786: dask is not installed: python -m pip install 'lstm-conformance[cluster]'\n"
    )
