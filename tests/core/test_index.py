"""`cases.json`: it lists every case, fits its schema, is derived from specs and manifest, and is checked."""

import json
from pathlib import Path
from typing import Any, get_args

import pytest
from command_line import conformance
from stores import cases_of, made

from conformance.case import options as words
from conformance.case.load import load_spec
from conformance.case.model import Case
from conformance.case.tensor_table import HEAD_WEIGHTS, INPUTS, LAYER_WEIGHTS
from conformance.data import default_folders
from conformance.golden import index
from conformance.golden.metadata import OPTIONS
from conformance.golden.store import VectorStore

SCHEMA = json.loads((default_folders().vectors / "cases.schema.json").read_text())


@pytest.fixture(scope="module")
def by_hand() -> list[Case]:
    files = [file for file in default_folders().specs.glob("*.yaml") if not file.name.startswith("designed")]
    return [case for file in files for case in load_spec(file)]


def errors(content: Any) -> list[str]:
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    return [error.message for error in jsonschema.Draft202012Validator(SCHEMA).iter_errors(content)]


def test_what_the_specs_have_fits_the_schema(by_hand: list[Case]) -> None:
    cases = by_hand
    listed = json.loads(index.text(cases, {case.id: "0" * 64 for case in cases if not case.on_demand}))
    assert errors(listed) == []
    assert [each["id"] for each in listed["cases"]] == sorted(case.id for case in cases)
    used = {option for each in listed["cases"] for option in each["options"]}
    assert used == OPTIONS


def test_the_schema_has_every_option_word_and_axis() -> None:
    options = SCHEMA["$defs"]["options"]["properties"]
    assert options.keys() == OPTIONS
    kinds = {"coupling": words.Coupling, "layer_norm": words.LayerNorm, "lengths_via": words.LengthsVia,
             "gradients": words.GradientKind}  # fmt: skip
    assert {"new-cell", options["output_peephole"]["const"]} == set(get_args(words.PeepholeReading))
    for name, kind in kinds.items():
        assert set(options[name]["enum"]) == set(get_args(kind)), name
    assert set(options["gate_clip"]["properties"]["reading"]["enum"]) == set(get_args(words.ClipReading))
    tensors = LAYER_WEIGHTS | HEAD_WEIGHTS | INPUTS
    named = {axis for tensor in tensors.values() for axis in tensor.axes.split()}
    assert set(SCHEMA["$defs"]["axis"]["enum"]) == named


@pytest.mark.parametrize(
    "change",
    [{"sha256": "0"}, {"on_demand": True}, {"sizes": {"T": 1}}, {"options": {"speed": 1}}, {"outputs": {"y": ["T"]}},
     {"dtype": "int8"}, {"id": "../x"}, {"tolerance": {"noise": -1}}, {"more": 1}, {"options": {"bias": True}}],
)  # fmt: skip
def test_the_schema_refuses_what_is_not_so(change: dict[str, Any], by_hand: list[Case]) -> None:
    listed = json.loads(index.text(by_hand[:1], {by_hand[0].id: "0" * 64}))
    assert errors(listed) == []
    listed["cases"][0] |= change
    assert errors(listed)


SPEC = """\
family: fam
defaults: {T: 2, B: 4, I: 1, H: 3}
cases:
  - {name: b, source: somebody}
  - {name: a, head: {O: 6, after: last_step}, tolerance: {noise: 12}}
  - {name: later, H: 5, on_demand: true}
"""


def test_an_entry_has_what_is_not_usual_and_the_file_s_digest(tmp_path: Path) -> None:
    cases = cases_of(SPEC, tmp_path)
    made(cases, tmp_path / "vectors")
    store = VectorStore(tmp_path / "vectors")
    unmade = cases_of(SPEC.replace("name: b", "name: unmade"), tmp_path)[0]
    edited = cases[1].model_copy(update={"forget_bias": 1.0})
    index.write([cases[0], edited, unmade, cases[2]], store)
    listed = json.loads((tmp_path / "vectors/cases.json").read_text())["cases"]
    plain = {"y": [2, 4, 3], "h_n": [1, 4, 3], "c_n": [1, 4, 3]}
    assert listed == [
        {"id": "fam/b", "sha256": store.entries["fam/b"].sha256, "dtype": "float32", "options": {}, "outputs": plain,
         "sizes": {"T": 2, "B": 4, "I": 1, "H": 3}, "source": "somebody", "origin": "s.yaml"},
        {"id": "fam/later", "on_demand": True, "dtype": "float32", "options": {}, "origin": "s.yaml",
         "outputs": {"y": [2, 4, 5], "h_n": [1, 4, 5], "c_n": [1, 4, 5]}, "sizes": {"T": 2, "B": 4, "I": 1, "H": 5}},
    ]  # fmt: skip
    index.write(cases, store)
    first = json.loads((tmp_path / "vectors/cases.json").read_text())["cases"][0]
    assert (first["id"], first["axes"], first["tolerance"]) == ("fam/a", {"logits": ["B", "O"]}, {"noise": 12.0})
    assert (first["outputs"]["logits"], first["sizes"]["O"], first["options"]["head"]["O"]) == ([4, 6], 6, 6)
    assert index.problem(cases, store) is None
    assert index.problem(cases[::-1], store) is None


def test_the_commands_write_and_check_it(tmp_path: Path) -> None:
    (tmp_path / "specs").mkdir()
    spec, listed = tmp_path / "specs" / "s.yaml", tmp_path / "vectors" / "cases.json"
    folders = ("--specs", tmp_path / "specs", "--vectors", tmp_path / "vectors")
    spec.write_text(SPEC)
    # Of one case: those that are not made yet are left out, and what is listed is whole nevertheless.
    assert conformance("generate", *folders, "-j", 1, "--case", "fam/b").exit_code == 0
    assert [case["id"] for case in json.loads(listed.read_text())["cases"]] == ["fam/b", "fam/later"]
    assert conformance("generate", *folders, "-j", 1).exit_code == 0
    first = listed.read_bytes()
    assert len(json.loads(first)["cases"]) == 3
    spec.write_text("# A comment moves lines, not cases.\n" + SPEC)
    assert conformance("generate", "--check", *folders, "-j", 1).exit_code == 0
    spec.write_text(SPEC.replace("noise: 12", "noise: 13"))
    done = conformance("generate", "--check", *folders, "-j", 1)
    assert done.exit_code == 1
    assert "metadata 'allowed': the file has '12*2^-24*max(kappa,max|golden|)', the case needs '13*2^-24" in done.output
    assert "cases.json: not what the specs and the manifest say; write it again with: conformance" in done.output
    assert done.output.endswith("; 2 problems\n")
    done = conformance("generate", "--repack", *folders)
    assert (done.exit_code, done.output) == (0, "1 of 2 vectors written again; 0 problems\n")
    assert conformance("generate", "--check", *folders, "-j", 1).exit_code == 0
    assert listed.read_bytes() != first
    listed.unlink()
    assert "cases.json: cannot be read" in conformance("generate", "--check", *folders, "-j", 1).output
    refused = conformance("generate", "--check", "--repack", *folders)
    assert refused.exit_code == 2
    assert "--check, --repack, --catches and --times are different jobs" in refused.output
