"""The messages are what docs/harness.md says: its examples fit the schemas, its tables name every field."""

import json
import os
import re
import sys
from subprocess import PIPE, Popen
from typing import get_args

import jsonschema
import numpy as np
import pytest
from command_line import conformance
from documents import FENCE, ROOT
from harness import shipped_cases

from conformance.adapters.harness import messages
from conformance.adapters.harness.describe import Contracts, Description, parsed
from conformance.adapters.harness.errors import HarnessFault
from conformance.adapters.harness.frames import Reader
from conformance.adapters.harness.frames import to_bytes as frame_to_bytes
from conformance.adapters.harness.resolved import ResolvedCase, resolved
from conformance.adapters.harness.weights import sent_weights
from conformance.adapters.layouts import KERAS, ONE_PER_GATE, TORCH, unpack
from conformance.case.model import Case
from conformance.case.tensor_table import HEAD_WEIGHTS, INPUTS, LAYER_WEIGHTS
from conformance.case.tensors import from_bytes, to_bytes
from conformance.golden.inputs import make_arrays

DOCUMENT = ROOT / "docs" / "harness.md"
TEXT = DOCUMENT.read_text()
SCHEMA = messages.schema()


def examples() -> list[tuple[str, str]]:
    """The kind of each example in the document, and its text."""
    found = []
    decoder = json.JSONDecoder()
    for kind, text in FENCE.findall(TEXT):
        if kind.startswith("json ") and kind != "json safetensors":
            rest = text.strip()
            while rest:
                _, end = decoder.raw_decode(rest)
                found.append((kind.removeprefix("json "), rest[:end]))
                rest = rest[end:].strip()
    return found


def schema_of(kind: str) -> dict[str, object]:
    name = "Description" if kind == "describe" else "".join(word.title() for word in kind.split())
    return SCHEMA | {"$ref": f"#/$defs/{name}"}


def test_the_schema_is_one_and_is_printed() -> None:
    assert json.loads(conformance("schema", "harness").stdout) == SCHEMA
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    kinds = {kind for kind, _ in examples()}
    requests = ("hello", "prepare", "call", "drop", "stop")
    assert kinds == {"describe", *requests, *(f"answer to {request}" for request in requests)}


@pytest.mark.parametrize(("kind", "text"), examples())
def test_each_example_fits_its_schema_and_nothing_more_does(kind: str, text: str) -> None:
    told = json.loads(text)
    jsonschema.validate(told, schema_of(kind))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(told | {"colour": "red"}, schema_of(kind))
    if kind == "describe":
        assert parsed(text.encode(), "the example").name in ("acme", "acme-small")
    if kind.startswith("answer to "):
        assert messages.answer_of(kind.removeprefix("answer to "), told).id == told["id"]
        with pytest.raises(HarnessFault, match="the answer to hello is"):
            messages.answer_of("hello", told | {"op": "done"})


def transcript() -> list[tuple[str, str, str]]:
    """Who speaks, the line, and the description of what follows, of each frame in the conversation in the document."""
    (text,) = [text for kind, text in FENCE.findall(TEXT) if kind == "text transcript"]
    return re.findall(r"^(suite|harness): +(.*)⏎\n((?: .*\n)*)", text, re.MULTILINE)


def demand_described(payload: bytes, described: str) -> None:
    """A payload is as the document describes it, byte for byte but for its numbers."""
    assert bool(payload) == bool(described)
    if payload:
        size, header, numbers = re.split(r"^  \+ ", described, flags=re.MULTILINE)[1:]
        length, _, line = header.partition(" bytes: ")
        assert payload[:8] == bytes.fromhex(size)
        shown = json.loads("".join(line.split()).partition(",filled")[0])
        assert json.loads(payload[8 : 8 + int(length)]) == shown
        assert len(payload) == 8 + int(length) + int(numbers.partition(" ")[0])


def test_the_conversation_in_the_document_is_what_is_said() -> None:
    case = Case.model_validate({"id": "cell/tiny", "T": 1, "B": 1, "I": 1, "H": 1, "h0": None, "c0": None, "seed": 1})
    arrays = make_arrays(case)
    tensors = {"prepare": to_bytes(arrays.weights.flat), "call": to_bytes(arrays.inputs.flat)}
    spoken = transcript()
    assert [sender for sender, _, _ in spoken] == ["suite", "harness"] * 4
    with Popen([sys.executable, ROOT / "examples/harnesses/python/harness.py"], stdin=PIPE, stdout=PIPE) as process:
        assert process.stdin is not None and process.stdout is not None
        reader = Reader(lambda: os.read(process.stdout.fileno(), 1 << 16), lambda noise: None)
        for (_, line, follows), (_, answer, described) in zip(spoken[::2], spoken[1::2], strict=True):
            request = json.loads(line.replace(", ...}", "}"))
            payload = tensors.get(request["op"], b"")
            demand_described(payload, follows)
            if "case" in request:
                whole = resolved(case)
                assert request["case"].items() <= whole.items()
                request["case"] = whole
            assert request["bytes"] == len(payload)
            process.stdin.write(frame_to_bytes({k: v for k, v in request.items() if k != "bytes"}, payload))
            process.stdin.flush()
            told, found = reader.next(10_000)
            told.pop("settings", None)
            shown = json.loads(answer)
            if "versions" in told:
                assert shown["versions"].keys() == told.pop("versions").keys()
                del shown["versions"]
            assert told == shown
            demand_described(found, described)
        process.stdin.close()
        assert process.wait(20) == 0


def test_the_header_in_the_document_is_one() -> None:
    (text,) = [text.strip() for kind, text in FENCE.findall(TEXT) if kind == "json safetensors"]
    payload = len(text).to_bytes(8, "little") + text.encode() + np.float32(0.5).tobytes()
    assert from_bytes(payload)["x"].tolist() == [[[0.5]]]


def test_versions_may_be_pairs_in_an_order_that_stays() -> None:
    told = {"op": "ok", "id": 1, "bytes": 0}
    answer = messages.answer_of("hello", told | {"versions": [["runtime", "2"], ["blas", "1"]]})
    assert list(dict(answer.versions).items()) == [("runtime", "2"), ("blas", "1")]
    for wrong in ([], {}, [["runtime"]], [["runtime", 2]]):
        with pytest.raises(HarnessFault, match="versions"):
            messages.answer_of("hello", told | {"versions": wrong})


def rows(heading: str) -> set[str]:
    """The names in the first column of the tables below a heading."""
    _, _, text = TEXT.partition(f"\n## {heading}\n")
    cells = re.findall(r"^\| (`[^|]*) \|", text.partition("\n## ")[0], re.MULTILINE)
    return {name for cell in cells for name in re.findall(r"`([\w.]+)`", cell)}


def test_the_tables_name_every_field() -> None:
    assert rows("The case") == set(ResolvedCase.model_fields)
    assert rows("Describe") == set(Description.model_fields)
    assert set(INPUTS) | {"lengths", "mask", "targets"} <= rows("Tensors")
    assert {name.removesuffix(".0") for name in rows("Weights")} == {*LAYER_WEIGHTS, *HEAD_WEIGHTS}
    for field in Contracts.model_fields:
        assert f"`{field}`" in TEXT


@pytest.mark.slow
def test_every_case_reaches_a_harness_as_the_schema_says() -> None:
    seen = set()
    for case in shipped_cases().values():
        told = resolved(case)
        text = json.dumps(told, allow_nan=False)
        assert told.keys() == ResolvedCase.model_fields.keys()
        assert len(told["activations"]) == case.D
        assert ResolvedCase.model_validate_json(text).model_dump(mode="json") == told
        if case.family not in seen:
            jsonschema.validate(told, SCHEMA | {"$ref": "#/$defs/ResolvedCase"})
            seen.add(case.family)
    assert len(seen) > 20


def test_nothing_by_which_an_answer_is_judged_travels() -> None:
    case = Case.model_validate(
        {
            **{"id": "a/b", "T": 2, "B": 1, "I": 1, "H": 2, "P": 1, "tolerance": {"ulp": 77.0}, "seed": 99},
            **{"poison": {"tensor": "x", "at": [0, 0, 0], "value": float("nan")}, "description": "golden"},
        }
    )
    told = resolved(case)
    assert (told["P"], told["projection"]) == (1, True)
    assert not re.search("77|99|golden|poison|NaN", json.dumps(told))


@pytest.mark.parametrize("layout", [KERAS, TORCH, ONE_PER_GATE])
def test_weights_in_a_layout_are_those_that_the_layout_packs(layout) -> None:
    fields = {"id": "a/b", "T": 2, "B": 1, "I": 3, "H": 4, "P": 2, "layers": 2, "head": {"O": 2}, "seed": 1}
    case = Case.model_validate(fields | {"peephole": True, "projection_bias": True})
    weights = make_arrays(case).weights
    assert sent_weights("canonical", weights) == weights.flat
    sent = sent_weights(layout, weights)
    assert sent["W_y"] is weights.W_y
    for number, row in enumerate(weights.rows):
        own = {name.partition("/")[2]: array for name, array in sent.items() if name.startswith(f"{number}/")}
        for name in ("peephole", "projection"):
            if getattr(layout, name) is None:
                np.testing.assert_array_equal(own[name], getattr(row, name))
        np.testing.assert_array_equal(own["projection_bias"], row.projection_bias)
        if layout.projection is not None:
            back = unpack(layout, own, case.input_size(number), case.H)
            np.testing.assert_array_equal(back.W, row.W)
            np.testing.assert_array_equal(back.R, row.R)


def test_the_answers_that_a_harness_may_give_are_those_in_the_document() -> None:
    for request, models in messages._ANSWERS.items():
        kinds = {get_args(model.model_fields["op"].annotation)[0] for model in models}
        shown = {json.loads(text)["op"] for kind, text in examples() if kind == f"answer to {request}"}
        assert shown - {"error"} == kinds - {"error"}
