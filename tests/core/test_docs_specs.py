"""The specs of docs/specs.md load or are refused as it says, and it explains every key, source and rule."""

import re
from pathlib import Path

import pytest
import yaml
from documents import ROOT, SPECS, blocks

from conformance.case.errors import SpecError
from conformance.case.fields import WeightSources
from conformance.case.load import CASE_KEYS, SPEC_KEYS, load_spec
from conformance.case.model import Case
from conformance.case.options import Tolerance
from conformance.case.source import KINDS
from conformance.case.tensors import to_bytes
from conformance.golden.inputs import make_arrays
from conformance.golden.lint import RULES


def written(folder: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The text as specs/example.yaml below the working directory, as docs/specs.md calls it."""
    monkeypatch.chdir(folder)
    (folder / "specs").mkdir()
    path = folder / "specs" / "example.yaml"
    path.write_text(text)
    return path


@pytest.mark.parametrize("text", [*blocks(SPECS, "yaml"), *blocks(ROOT / "README.md", "yaml")])
def test_specs_load(text, tmp_path, monkeypatch):
    assert load_spec(written(tmp_path, text, monkeypatch))


@pytest.mark.parametrize("text", blocks(SPECS, "yaml fragment"))
def test_fragments_load_in_a_case(text, tmp_path, monkeypatch):
    case = {"name": "fragment", "T": 3, "B": 2, "I": 2, "H": 4} | yaml.safe_load(text)
    spec = yaml.safe_dump({"family": "example", "cases": [case]})
    assert load_spec(written(tmp_path, spec, monkeypatch))


@pytest.mark.parametrize("text", blocks(SPECS, "yaml with files"))
def test_specs_with_files_load_and_make_their_arrays(text, tmp_path, monkeypatch):
    path = written(tmp_path, text, monkeypatch)
    for entry in yaml.safe_load(text)["cases"]:
        case = Case(**{"id": "a/b"} | {key: entry[key] for key in "TBIH"})
        for file in {source["file"] for source in (entry["weights"], entry["x"])}:
            (path.parent / file).parent.mkdir(parents=True, exist_ok=True)
            (path.parent / file).write_bytes(
                to_bytes(make_arrays(case).weights.flat | {"x": make_arrays(case).inputs.x})
            )
    for case in load_spec(path):
        assert make_arrays(case).weights.rows[0].W.shape == (4, case.H, case.I)


def test_refused_specs_say_what_is_printed(tmp_path, monkeypatch):
    refused = re.findall(
        r"^```yaml refused\n(.*?)^```\n\n```text\n(.*?)^```$", SPECS.read_text(), re.MULTILINE | re.DOTALL
    )
    assert len(refused) == len(blocks(SPECS, "yaml refused")) > 0
    for number, (text, message) in enumerate(refused):
        folder = tmp_path / str(number)
        folder.mkdir()
        with pytest.raises(SpecError) as raised:
            load_spec(written(folder, text, monkeypatch))
        assert str(raised.value).splitlines() == message.splitlines()


def test_the_first_spec_has_the_cases_that_are_named(tmp_path, monkeypatch):
    ids = [case.id for case in load_spec(written(tmp_path, blocks(SPECS, "yaml")[0], monkeypatch))]
    assert len(ids) == 9
    assert ids[0] == "example/plain"
    assert {"example/short-rows-forward-f32-both", "example/short-rows-reverse-f64-no-c0"} <= set(ids)


@pytest.mark.parametrize(
    "name", sorted({*CASE_KEYS, *SPEC_KEYS, *KINDS, *Tolerance.model_fields, *WeightSources.model_fields})
)
def test_every_key_and_source_is_explained(name):
    assert re.search(rf"`{name}\b|^{name}:", SPECS.read_text(), re.MULTILINE), f"docs/specs.md has no {name}"


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_about_numbers_is_explained(rule):
    assert re.search(rf"^\|.*`{rule}`.*\|", SPECS.read_text(), re.MULTILINE)
