"""`conformance check` and `conformance import` on files of weights, as a user gives the commands."""

import io
import json
import os
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from brought_files import H, I, torch_tensors, weights_file
from command_line import conformance

from conformance.case.errors import ConformanceError
from conformance.case.load import load_specs
from conformance.golden.inputs import make_arrays
from conformance.lstm.gradients import reference_of
from conformance.lstm.mistakes import BY_ID
from conformance.models import suite

pytest.importorskip("flint")  # the golden values are made here and now
pytestmark = pytest.mark.usefixtures("in_an_empty_folder")


@pytest.fixture
def weights(in_an_empty_folder: None) -> Path:
    return weights_file(Path("mine.safetensors"))


def said(*arguments: object, code: int = 2) -> str:
    done = conformance(*arguments)
    assert done.exit_code == code, done.output
    return done.output


def test_right_weights_are_said_to_be_computed_rightly(weights):
    text = said("check", weights, "--adapter", "numpy", code=0)
    assert text.splitlines()[:6] == [
        "mine.safetensors: 1 LSTM layer",
        "",
        "the layer (torch)",
        "  T=7 B=3 I=3 H=5 forward f32",
        "  the file leaves sizes open; chosen: T = 7, B = 3 (--size T=N, --size B=N for others)",
        "  x drawn from -1 to 1 with seed 1",
    ]
    assert text.splitlines()[6].startswith("  numpy  right: noise ")


def test_the_same_for_programs(weights):
    weights_file(Path("bi.safetensors"), torch_tensors(layers=2, directions=2, prefix="enc."))
    found = json.loads(said("check", weights, "bi.safetensors", "--adapter", "numpy", "--json", code=0))
    assert [file["file"] for file in found] == ["mine.safetensors", "bi.safetensors"]
    (layer,) = found[1]["layers"]
    assert layer["where"] == "enc (torch)"
    assert layer["case"]["layers"] == 2
    (answer,) = layer["answers"]
    assert answer["adapter"] == "numpy"
    assert answer["outcome"] == "passed"
    assert answer["versions"]["numpy"] == np.__version__


def test_a_file_without_an_lstm(in_an_empty_folder):
    weights_file(Path("dense.safetensors"), {"dense.weight": np.ones((3, 3), np.float32)})
    assert said("check", "dense.safetensors").splitlines() == [
        "dense.safetensors: 0 LSTM layers",
        "  no LSTM is found by the names and shapes of its tensors",
    ]
    assert "there is no LSTM layer here that can become a case; nothing was written" in said(
        "import", "dense.safetensors", "-o", "suite"
    )
    assert not Path("suite").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--size", "rows"], "--size rows: give AXIS=N, like T=50"),
        (["--size", "T=0"], "--size T=0: give AXIS=N"),
        (["--size", "T=1e3"], "--size T=1e3: give AXIS=N"),
        (["--size", "deep=3"], "--size deep: no LSTM has such an axis; give T=N or batch=N"),
        (["--range", "1", "1"], "--range 1 1: the first bound must be less than the second"),
        (["--range", "nan", "1"], "nan is not a number"),
        (["--set", "forget_bias"], "--set forget_bias: give KEY=VALUE"),
        (["--set", "direction="], "--set direction=: give KEY=VALUE"),
        (["--set", "colour=red"], "--set colour: a layer has no such option; it has activations, "),
        (["--set", "T=3"], "--set T: a layer has no such option; it has activations, "),
        (["--size", "T=1000000", "--size", "B=1000000"], "the layer (torch): these sizes need "),
        (["--seed", str(2**63)], "Invalid value for '--seed'"),
        (["--prefix", "decoder"], "--prefix decoder: no layer's name begins so; there are ''"),
        (["--adapter", "nunpy"], "no adapter 'nunpy'; did you mean 'numpy'?"),
        (["--adapter", "board:numpy"], "--adapter board:numpy: a check runs here"),
        (["--input", "given.npz"], "x is (2, 2, 4), not (2, 2, 3)"),
        (["--input", "more.npz"], "'z' is not an input of an LSTM; they are called x, h0, c0, lengths"),
        (["--input", "wide.npz"], "x holds numbers that float32 cannot hold; round it: astype('float32')"),
        (["--input", "objects.npz"], "its member x.npy holds Python objects, which are pickles and would be executed"),
        (["--input", "cut.npz"], "cut.npz: cannot be read: it is a damaged zip file"),
        (["--input", "no-array.npz"], "cannot be read: its member x is damaged"),
        (["--input", "large.npz"], "its member x.npy states 4,000,000,000,000 bytes of numbers and has 0"),
        (["--input", "given.txt"], "arrays are read from .npz and .safetensors files"),
    ],
)
def test_what_cannot_be_meant_gets_one_line(arguments, words, weights):
    np.savez("given.npz", x=np.ones((2, 2, 4), np.float32))
    np.savez("more.npz", z=np.ones(2))
    np.savez("wide.npz", x=np.full((2, 2, I), 0.1))
    np.savez("objects.npz", x=np.array([{}], object))
    Path("cut.npz").write_bytes(Path("given.npz").read_bytes()[:50])
    Path("given.txt").write_text("1 2 3")
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f4", "fortran_order": False, "shape": (10**12,)})
    for name, member, content in (("no-array", "x", b"text"), ("large", "x.npy", header.getvalue())):
        with zipfile.ZipFile(f"{name}.npz", "w") as archive:
            archive.writestr(member, content)
    text = said("check", weights, *arguments)
    assert words in text
    assert "Traceback" not in text


def test_given_inputs_and_settings_become_the_case(weights):
    x = np.random.default_rng(1).normal(size=(4, 2, I)).astype(np.float32)
    np.savez("given.npz", X=x, sequence_lens=np.array([4, 2]), initial_h=np.ones((1, 2, H), np.float32))
    text = said("import", weights, "--input", "given.npz", "--set", "direction=reverse", "-o", "suite", code=0)
    assert "1 case in suite; run with: conformance run --specs suite/specs --vectors suite/vectors" in text
    (case,) = load_specs(Path("suite/specs"))
    assert (case.T, case.B, case.lengths, case.direction) == (4, 2, (4, 2), "reverse")
    arrays = make_arrays(case)
    assert np.array_equal(arrays.inputs.x[:, 0], x[:, 0])
    assert (arrays.inputs.h0 == 1).all()


def test_sizes_range_and_seed_are_those_asked_for(weights):
    asked = ["--size", "steps=9", "--size", "batch=4", "--range", "2", "3", "--seed", "5"]
    said("import", weights, *asked, "-o", "suite", code=0)
    (case,) = load_specs(Path("suite/specs"))
    x = make_arrays(case).inputs.x
    assert x.shape == (9, 4, I)
    assert x.min() >= 2
    assert x.max() <= 3
    assert case.seed == 5


def test_an_onnx_model_needs_onnx(in_an_empty_folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)  # as where it is not installed
    Path("model.onnx").write_bytes(b"")
    assert "model.onnx: reading it needs the package onnx: pip install onnx" in said("check", "model.onnx")


def test_an_adapter_in_a_file_is_asked_as_well(weights):
    Path("mine.py").write_text(
        "from conformance.adapters.numpy_reference import NumpyReference\n\n\n"
        "class Mine(NumpyReference):\n    name = 'mine'\n"
    )
    assert "  mine.py:Mine  right: noise " in said("check", weights, "--adapter", "mine.py:Mine", code=0)


def test_names_in_a_file_cannot_write_to_the_terminal(in_an_empty_folder):
    weights_file(Path("w.safetensors"), torch_tensors(prefix="\x1b[31m.") | {"\x1b[2J.weight_ih_l0": np.ones((3, 3))})
    for command in (["check", "--adapter", "numpy"], ["import", "-o", "suite"]):
        text = conformance(command[0], "w.safetensors", *command[1:]).output
        assert "\x1b" not in text
        assert r"\x1b[2J" in text


# An imported suite.


def test_an_imported_suite_runs_and_holds_to_its_weights(weights):
    said("import", weights, "-o", "suite", code=0)
    assert "is there already and not empty" in said("import", weights, "-o", "suite")
    run = ["run", "--specs", "suite/specs", "--vectors", "suite/vectors", "--adapter", "numpy"]
    assert "1 result, 0 unexpected" in said(*run, code=0)
    path = Path("suite/specs/mine/mine.safetensors")
    tensors = {name: array * 2 for name, array in make_arrays(load_specs(Path("suite/specs"))[0]).weights.flat.items()}
    weights_file(path, tensors)
    assert "made from another version of suite/specs/mine.yaml" in said(*run, code=1)


def test_files_of_one_name_are_told_apart(weights):
    Path("other").mkdir()
    weights_file(Path("other/mine.safetensors"), torch_tensors(seed=4))
    said("import", weights, "other/mine.safetensors", "-o", "suite", code=0)
    first, second = (make_arrays(case).weights.rows[0].W for case in load_specs(Path("suite/specs")))
    assert not np.array_equal(first, second)


# Numbers that were recorded elsewhere.


def recorded(mistake: str | None = None) -> dict[str, np.ndarray]:
    """What a device might have answered on the weights of `mine.safetensors`, by the case that `import` makes."""
    said("import", "mine.safetensors", "-o", "suite", code=0)
    (case,) = load_specs(Path("suite/specs"))
    arrays = make_arrays(case)
    return reference_of(case).run(arrays) if mistake is None else BY_ID[mistake].outputs(case, arrays)


def test_recorded_numbers_are_judged(weights):
    np.savez("out.npz", **recorded())
    assert "  out.npz  right: noise " in said("check", weights, "--recorded", "out.npz", code=0)


def test_recorded_numbers_may_be_some_and_laid_out_as_in_onnx(weights):
    y = recorded()["y"]
    np.savez("out.npz", Y=y.reshape(7, 3, 1, H).swapaxes(1, 2))
    text = said("check", weights, "--recorded", "out.npz", code=0)
    assert "out.npz has no c_n, which is not judged" in text
    assert "out.npz  right" in text


def test_recorded_numbers_in_a_file_of_any_name(weights):
    np.savez("out\x1b[31m.npz", **recorded())
    text = said("check", weights, "--recorded", "out\x1b[31m.npz", code=0)
    assert r"  out\x1b[31m.npz  right: noise " in text


def test_a_mistake_in_recorded_numbers_is_named(weights):
    np.savez("out.npz", **recorded("gates-iofg-read-as-ifgo"))
    text = said("check", weights, "--recorded", "out.npz", code=1)
    assert "out.npz  FAILED" in text
    assert "looks like: gates-iofg-read-as-ifgo (reproduces it" in text


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"z": np.ones(3)}, "'z' is not an output of an LSTM; they are called y, h_n, c_n"),
        ({}, "holds no arrays"),
        ({"y": np.ones((7, 3, H), np.int64)}, "y is int64; it needs to be floating-point numbers"),
    ],
)
def test_recorded_numbers_that_cannot_be_meant(arrays, words, weights):
    np.savez("out.npz", **arrays)
    assert words in said("check", weights, "--recorded", "out.npz")


def test_recorded_numbers_are_of_one_layer(weights):
    np.savez("out.npz", y=np.ones((7, 3, H), np.float32))
    text = said("check", weights, weights, "--recorded", "out.npz")
    assert text == (
        "out.npz is of one layer, and there are 2 (mine.safetensors: the layer (torch); mine.safetensors: the layer "
        "(torch)); give one file and choose its layer by --prefix\n"
    )


@pytest.mark.parametrize("there", [False, True])
def test_of_an_import_that_does_not_end_nothing_stays(there, tmp_path):
    folder = tmp_path / "suite"
    if there:
        folder.mkdir()

    def interrupted() -> None:
        with suite.finished(folder):
            (folder / "specs").mkdir()
            (folder / "specs" / "a.yaml").touch()
            (folder / "engines.py").touch()
            with pytest.raises(ConformanceError, match="not empty"), suite.finished(folder):
                pass
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert folder.exists() == there
    assert not there or not any(folder.iterdir())


@pytest.mark.skipif(sys.platform != "linux", reason="names of files are text there")
def test_a_name_that_is_no_text_is_written_out(weights):
    name = os.fsdecode(b"w\xf0\x1b.safetensors")
    weights.rename(name)
    assert said("import", name, "-o", "suite", code=0).startswith("w\\udcf0\\x1b.safetensors: 1 LSTM layer")
    assert sorted(path.name for path in Path("suite").iterdir()) == ["specs", "vectors"]


def test_a_suite_that_cannot_be_looked_for(tmp_path, monkeypatch):
    def refused(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "exists", refused)
    with pytest.raises(ConformanceError, match="suite: cannot be written: Permission denied"):
        suite.demand_empty(tmp_path / "suite")
