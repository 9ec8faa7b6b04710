"""What a vector's file says of its case: right for every case, always the same bytes, noticed where it is wrong."""

import hashlib
import json
import re
import struct
from pathlib import Path

import numpy as np
import pytest
from command_line import conformance
from stores import cases_of, checked, command_for, contents, edit_manifest, made, snapshot

from conformance.case.errors import GenerationError, VectorError
from conformance.case.load import load_specs
from conformance.case.model import Case
from conformance.case.options import Tolerance
from conformance.case.tensors import MOST_METADATA, from_bytes, metadata_of, to_bytes
from conformance.data import default_folders
from conformance.golden.generate import check, repack
from conformance.golden.metadata import allowed, axes, file_of, metadata, options
from conformance.golden.store import VectorStore
from conformance.golden.vector import tensors_of
from conformance.verdict import noise


@pytest.fixture(scope="module")
def every_case() -> list[Case]:
    return load_specs(default_folders().specs)


def case_with(**keys: object) -> Case:
    return Case.model_validate({"id": "fam/a", "T": 5, "B": 2, "I": 3, "H": 4} | keys)


def test_a_file_says_all_of_its_case() -> None:
    case = case_with(
        P=2, layers=2, direction="bidirectional", dtype="bfloat16", lengths=[5, 2], bias=False,
        activations=[{"cell": "relu"}, {"gate": {"name": "hard_sigmoid", "defaults": "keras"}}],
        gate_clip={"bound": 0.1, "reading": "all"}, head={"O": 7},
        tolerance={"noise": 20, "relative": 1e-3, "ulp": 2},
    )  # fmt: skip
    assert metadata(case_with(lengths=[5, 2], head={"O": 7}))["sizes"] == "T=5 B=2 I=3 H=4 O=7"
    assert metadata(case) == {
        "format": "1",
        "case": "fam/a",
        "sizes": "T=5 B=2 I=3 H=4 P=2 L=2 D=2 O=7",
        "dtype": "bfloat16",
        "options": "direction=bidirectional activations.0.cell=relu "
        "activations.1.gate=hard_sigmoid(0.16666666666666666,0.5) activations.1.gate.defaults=keras bias=false "
        "gate_clip.bound=0.1 gate_clip.reading=all head.O=7",
        "axes": "ifgo,H,I:W ifgo,H,P:R P,H:projection O,D*P:W_y O:b_y T,B,I:x L*D,B,P:h0,h_n L*D,B,H:c0,c_n B:lengths "
        "T,B,D*P:y T,B,O:logits",
        "allowed": "max(20*2^-8*max(kappa,max|golden|),2*ulp(golden),0.001*|golden|)",
    }


def test_one_set_of_activations_is_told_for_both_directions() -> None:
    case = case_with(direction="bidirectional", activations=[{"hidden": {"name": "elu", "alpha": 0.5}}])
    assert options(case)["activations"] == [{"hidden": "elu(0.5)"}, {"hidden": "elu(0.5)"}]


def test_the_axes_of_every_tensor_of_every_case_give_its_shape(every_case: list[Case]) -> None:
    for case in every_case:
        size = {"T": case.T, "B": case.B, "H": case.H, "P": case.output_size, "ifgo": 4, "ifo": 3}
        size |= {"L*D": case.layers * case.D, "D*P": case.D * case.output_size, "O": case.head.O if case.head else 0}
        named = axes(case)
        told: set[str] = set()
        for path, (_, shape) in tensors_of(case).items():
            kind, _, field = path.partition(".")
            name, _, row = field.removeprefix("d_" if kind == "golden" else "").partition(".")
            told.add(name)
            layer = int(row or 0) // case.D
            assert tuple((size | {"I": case.input_size(layer)})[axis] for axis in named[name]) == shape, (case.id, path)
        assert told == named.keys()


def test_no_two_cases_say_the_same_and_all_are_short(every_case: list[Case]) -> None:
    told = [json.dumps(metadata(case)) for case in every_case]
    assert len(set(told)) == len(told)
    assert sum(map(len, told)) / len(told) < 450
    assert max(map(len, told)) < 1000
    assert not any("\\" in text for text in told), "docs/vectors.md promises a header without escapes"
    for case in every_case[::5]:
        values = " ".join(metadata(case).get("options", "").split())
        assert all(re.fullmatch(r"[\w.]+=\S+", word) for word in values.split()), values


@pytest.mark.parametrize(
    "given",
    [{}, {"noise": 3}, {"noise": None, "absolute": 1e-5}, {"absolute": 1e-5, "relative": 1e-4, "noise": None},
     {"noise": 0.3, "absolute": 0.1, "ulp": 1.5}, {"noise": None, "relative": 1 / 3}],
)  # fmt: skip
@pytest.mark.parametrize("dtype", ["float16", "float64"])
def test_the_formula_is_the_one_that_judges(given: dict[str, float | None], dtype: str) -> None:
    case = case_with(dtype=dtype, tolerance=given)
    golden, kappa = np.array([0.5, -2.0, 1e-3, 0.0]), np.array([0.25, 8.0, 1.0, 0.0])
    formula = allowed(case).replace("^", "**").replace("max|golden|", "M").replace("|golden|", "abs(g)")
    formula = formula.replace("ulp(golden)", "spacing(g)")
    kind = np.float16 if dtype == "float16" else np.float64
    known = {"max": max, "abs": abs, "M": 2.0, "spacing": lambda number: abs(float(np.spacing(kind(number))))}
    judged = noise.allowed(golden, kappa, Tolerance(**given), dtype, case.np_dtype)
    for g, k, right in zip(golden, kappa, judged, strict=True):
        assert eval(formula, known | {"g": g, "kappa": k}) == pytest.approx(right, rel=1e-12), formula


def test_the_header_is_as_safetensors_has_it(tmp_path: Path) -> None:
    from safetensors import safe_open

    tensors = {"b": np.arange(3, dtype=np.int8), "a": np.ones((2, 2))}
    told = {"z": 'quoted "text"', "a": "\u00e9\n"}
    data = to_bytes(tensors, told)
    assert data == to_bytes(dict(reversed(tensors.items())), told)
    (tmp_path / "t.safetensors").write_bytes(data)
    with safe_open(tmp_path / "t.safetensors", "numpy") as file:
        assert file.metadata() == told
        assert file.get_tensor("a").tolist() == [[1.0, 1.0], [1.0, 1.0]]
    assert metadata_of(data) == told
    assert list(metadata_of(data)) == ["z", "a"]
    assert int.from_bytes(data[:8], "little") % 8 == 0
    assert from_bytes(data)["b"].tolist() == [0, 1, 2]
    assert to_bytes(tensors) == to_bytes(tensors, {})
    assert metadata_of(to_bytes(tensors)) == {}
    assert metadata_of(to_bytes({}, told)) == told


def header(text: str) -> bytes:
    return struct.pack("<Q", len(text)) + text.encode()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (header('{"__metadata__": {"a": 1}}'), "is not a map of texts"),
        (header('{"__metadata__": ["a"]}'), "is not a map of texts"),
        (header("[]"), "is not a map of texts"),
        (header('{"__metadata__": {"a": "%s"}}' % ("b" * MOST_METADATA)), "at most 262,144 are read"),
        (header(" " * (4 * MOST_METADATA) + "{}"), "at most 1,048,576 are read"),
        (header("{" * 40), "Expecting property name"),
        (b"", "Expecting value"),
    ],
)
def test_a_header_that_is_none_is_a_value_error(data: bytes, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        metadata_of(data)


def told_otherwise(root: Path, case: Case, change: dict[str, str | None] | None) -> None:
    """Change what a stored file says, and the manifest's SHA-256 with it; None: it says nothing."""
    path = root / f"{case.id}.safetensors"
    told = {key: text for key, text in (metadata(case) | change).items() if text is not None} if change else {}
    path.write_bytes(to_bytes(from_bytes(path.read_bytes()), told))
    edit_manifest(root, case.id, sha256=hashlib.sha256(path.read_bytes()).hexdigest())


WRONG = [
    (None, "it does not say which case it is of"),
    ({"case": "fam/other"}, "metadata 'case': the file has 'fam/other', the case needs 'fam/plain'"),
    ({"format": "2"}, "metadata 'format': the file has '2', the case needs '1'"),
    ({"sizes": None}, "metadata 'sizes': the file has nothing, the case needs 'T=2 B=4 I=1 H=3'"),
    ({"options": "bias=false"}, "metadata 'options': the file has 'bias=false', the case needs nothing"),
    ({"axes": "x" * 300}, "metadata 'axes': the file has 'xxx"),
    ({"more": "x" * MOST_METADATA}, "at most 262,144 are read"),
    ({"\x1b[2J": "\x1b[2J"}, r"metadata '\\x1b[2J': the file has '\\x1b[2J', the case needs nothing"),
]


@pytest.mark.parametrize(("change", "said"), WRONG)
def test_a_file_that_says_something_else_is_not_used(change, said, stored) -> None:
    root, (plain, half) = stored
    told_otherwise(root, plain, change)
    with pytest.raises(VectorError) as raised:
        VectorStore(root).load(plain)
    assert said in str(raised.value)
    assert str(raised.value).endswith(f"; write it again with: {command_for(plain, root, '--repack')}")
    assert len(str(raised.value).partition("; write it again")[0]) < 500
    VectorStore(root).load(half)
    (problem,) = checked([plain, half], root)
    assert said in problem
    repack([plain, half], VectorStore(root))
    assert checked([plain, half], root) == []


def test_another_tolerance_matters_to_the_check_alone(stored) -> None:
    root, (plain, half) = stored
    told_otherwise(root, plain, {"allowed": "1"})
    VectorStore(root).load(plain)
    for every in (1, 2):  # plain is made again, and then only compared to its digests
        summary = check([half, plain], VectorStore(root), whole=True, every=every, jobs=1, report=lambda c, b: None)
        assert [each for each in summary.problems if "metadata 'allowed': the file has '1'" in each] == summary.problems
        assert len(summary.problems) == 1


def test_repacking_restores_the_bytes_and_touches_nothing_else(stored) -> None:
    root, cases = stored
    before, kept = contents(root), snapshot(root)
    told_otherwise(root, cases[0], {"allowed": "1"})
    summary = repack(cases, VectorStore(root))
    assert (summary.made, summary.same_bytes, summary.problems) == (2, 1, [])
    assert contents(root) == before
    assert snapshot(root)["fam/half.safetensors"] == kept["fam/half.safetensors"]


def test_what_is_not_proven_is_not_repacked(stored, tmp_path: Path) -> None:
    root, (plain, half) = stored
    path = root / "fam/plain.safetensors"
    tensors = from_bytes(path.read_bytes())
    tensors["golden.y"] = tensors["golden.y"] + 1
    path.write_bytes(to_bytes(tensors, metadata(plain)))
    other = half.model_copy(update={"forget_bias": 0.5})
    before = contents(root)
    summary = repack([plain, other], VectorStore(root))
    assert ["altered" in summary.problems[0], "another version" in summary.problems[1]] == [True, True]
    assert contents(root) == before


def test_options_longer_than_is_read_are_refused_when_the_vector_is_made(tmp_path: Path) -> None:
    steps = MOST_METADATA // 4 + 1
    case = case_with(T=steps, B=1, I=1, H=1, blocks=[1] * steps)
    with pytest.raises(GenerationError, match="fam/a: its options are too long for the header"):
        file_of(case, None)  # type: ignore[arg-type]  # it does not come to the numbers


SPEC = """\
family: fam
defaults: {T: 1, B: 1, I: 1, H: 47, remade: true}
cases:
  - {name: one}
  - {name: two, dtype: bfloat16, on_demand: true}
"""


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[object, ...]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs" / "s.yaml").write_text(SPEC)
    assert made(cases_of(SPEC, tmp_path), tmp_path / "vectors").problems == []
    return "--specs", tmp_path / "specs", "--vectors", tmp_path / "vectors"


def test_an_exported_vector_needs_nothing_else(folders, tmp_path: Path) -> None:
    file = tmp_path / "one.safetensors"
    done = conformance("export", "fam/one", *folders, "-o", file)
    assert (done.exit_code, done.output) == (0, f"1 vector written to {file}\n")
    whole, stored = (from_bytes(path.read_bytes()) for path in (file, tmp_path / "vectors/fam/one.safetensors"))
    assert whole.keys() - stored.keys() == {"weights.R.0"}
    assert hashlib.sha256(whole["weights.R.0"].tobytes()).digest() == stored["sha256.weights.R.0"].tobytes()
    assert metadata_of(file.read_bytes()) == metadata_of((tmp_path / "vectors/fam/one.safetensors").read_bytes())
    done = conformance("export", "fam/*", *folders, "-o", tmp_path / "out")
    assert done.exit_code == 0, done.output
    assert (tmp_path / "out/fam/one.safetensors").read_bytes() == file.read_bytes()
    listed = json.loads((tmp_path / "out/cases.json").read_text())["cases"]
    assert [(case["id"], case["sha256"]) for case in listed] == [
        (name, hashlib.sha256((tmp_path / f"out/{name}.safetensors").read_bytes()).hexdigest())
        for name in ("fam/one", "fam/two")
    ]
    assert not any({"made_again", "on_demand"} & case.keys() for case in listed)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["fam/*", "-o", "{}/x.safetensors"], "2 cases match, and {}/x.safetensors is one file; name a folder"),
        (["fam/one", "-o", "{}/vectors"], "{}/vectors is among the vectors that this command reads"),
        (["fam/one", "-o", "{}/vectors/fam/one.safetensors"], "is among the vectors that this command reads"),
        (["fam/none", "-o", "{}/x"], "no case matches 'fam/none'"),
        (["fam/one", "-o", "{}/specs/s.yaml"], "Not a directory"),
        (["fam/one", "-o", ""], "this one is empty"),
    ],
)
def test_an_export_that_cannot_be_is_refused_and_writes_nothing(arguments, said, folders, tmp_path: Path) -> None:
    before = contents(tmp_path)
    done = conformance("export", *(word.format(tmp_path) for word in arguments), *folders)
    assert done.exit_code == 2
    assert said.format(tmp_path) in done.output + done.stderr + str(done.exception)
    assert contents(tmp_path) == before
