"""An engine behind a command answers as an adapter does, and each way in which it may not has words of its own."""

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from changed_harness import EXAMPLE, script
from harness import gone

from conformance.adapters import registry
from conformance.adapters.harness import trace
from conformance.adapters.harness.adapter import CommandAdapter, ShippedHarness
from conformance.adapters.harness.errors import EngineError, HarnessDied, HarnessFault
from conformance.adapters.numpy_reference import NumpyReference
from conformance.case.errors import AdapterUnavailable, UnsupportedOption
from conformance.case.model import Case
from conformance.case.tensors import Arrays
from conformance.golden.inputs import make_arrays
from conformance.run import worker
from conformance.run.messages import Answer, Ask
from conformance.run.smoke.asker import Asker, NoAnswer
from conformance.run.smoke.questions import Question

MISBEHAVING = Path(__file__).parent / "harnesses" / "misbehaving.py"
SIZES: dict[str, Any] = {"id": "ways/right", "T": 4, "B": 2, "I": 3, "H": 5, "seed": 3}


def made(command: Path | str) -> CommandAdapter:
    adapter = registry.make(f"command:{command}")
    assert isinstance(adapter, CommandAdapter)
    return adapter


def answer(adapter: Any, **fields: Any) -> dict[str, Any]:
    case = Case.model_validate(SIZES | fields)
    arrays = make_arrays(case)
    return adapter.run(case, arrays.weights, arrays.inputs)


@pytest.fixture(scope="module")
def example() -> CommandAdapter:
    return made(EXAMPLE)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"dtype": "float64", "direction": "bidirectional", "layers": 2, "lengths": [1, 4]},
        {"h0": None, "c0": None, "bias": False, "direction": "reverse"},
        {"blocks": [1, 3], "lengths": [2, 4]},
        {"B": 5, "calls": [2, 1, 2]},
    ],
)
def test_the_example_answers_as_the_reference(example: CommandAdapter, fields: dict[str, Any]) -> None:
    right = answer(NumpyReference(), **fields)
    found = answer(example, **fields)
    assert found.keys() == right.keys()
    for name, array in right.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_allclose(found[name], array, rtol=1e-4, atol=1e-5)


def test_it_tells_what_it_is_and_refuses_what_it_has_not(example: CommandAdapter) -> None:
    assert (example.name, example.versions) == ("plain-loop", {"numpy": np.__version__})
    with pytest.raises(UnsupportedOption, match="plain-loop has no peepholes"):
        answer(example, peephole=True)


def test_layers_are_dropped_when_nobody_has_them_any_more(tmp_path: Path) -> None:
    trace.into(tmp_path / "t.jsonl")
    adapter = made(EXAMPLE)
    trace.into(None)
    for _ in range(3):
        answer(adapter)
    adapter.close()
    lines = [json.loads(line) for line in (tmp_path / "t.jsonl").read_text().splitlines()]
    asked = [line["frame"] for line in lines if line["from"] == "suite" and "frame" in line]
    assert [(each["op"], each.get("handle")) for each in asked] == [
        *(("hello", None), ("prepare", 1), ("call", 1), ("drop", 1), ("prepare", 2), ("call", 2)),
        *(("drop", 2), ("prepare", 3), ("call", 3), ("drop", 3), ("stop", None)),
    ]
    assert lines[-1]["end"] == "exit code 0"
    prepared = next(line for line in lines if line.get("frame", {}).get("op") == "prepare")
    assert prepared["tensors"]["W.0"]["shape"] == [4, 5, 3]
    assert len(prepared["tensors"]["W.0"]["begins"]) == 4


def test_a_layer_that_is_lost_in_the_middle_of_a_request_is_dropped_before_the_next_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    adapter = made(EXAMPLE)
    case = Case.model_validate(SIZES)
    arrays = make_arrays(case)
    layers = [adapter.prepare(case, arrays.weights)]
    asked: list[str] = []
    send, write = adapter.conversation.send, adapter.conversation._write

    def noted(op: str, *args: Any, **fields: Any) -> int:
        asked.append(op)
        return send(op, *args, **fields)

    def losing(data: bytes) -> None:
        write(data[:9])
        layers.clear()
        write(data[9:])

    monkeypatch.setattr(adapter.conversation, "send", noted)
    monkeypatch.setattr(adapter.conversation, "_write", losing)
    for _ in range(2):
        assert adapter.run(case, arrays.weights, arrays.inputs).keys() == {"y", "h_n", "c_n"}
    assert asked == ["prepare", "drop", "call", "drop", "prepare", "call", "drop"]


@pytest.mark.parametrize(
    ("way", "kind", "said"),
    [
        ("answers-another", HarnessFault, "came where that to request 3, call, was due"),
        ("says-too-many", HarnessFault, "and the tensors that follow take"),
        ("says-far-too-many", HarnessFault, "1,000,000,000,000 bytes are announced"),
        ("prints-a-lot", HarnessFault, "more than 1,048,576 bytes on standard output that are no frame"),
        ("closes-its-output", HarnessFault, "it closed its standard output and did not end"),
        ("sorts-its-fields", HarnessFault, 'the line of a frame must begin with {"op": and hold all of it'),
        ("no-json", HarnessFault, "a line begins like a frame and is not JSON"),
        ("unknown", HarnessFault, "the answer to call is"),
        ("more-fields", HarnessFault, "confidence: Extra inputs are not permitted"),
        ("no-tensors", HarnessFault, "what follows a header is not safetensors"),
        ("half-a-frame", HarnessDied, "bytes of an answer: exit code 3"),
        ("half-a-line", HarnessDied, "the harness ended within a header: exit code 4"),
        ("exits", HarnessDied, "the harness ended before it answered: exit code 5"),
        ("exits-silently", HarnessDied, "the harness ended before it answered: exit code 0"),
        ("segfaults", HarnessDied, "the harness ended before it answered: Segmentation fault"),
        ("raises", EngineError, "out of registers"),
        ("refuses", UnsupportedOption, "not on a Monday"),
    ],
)
def test_each_way_to_misbehave_has_its_own_words(way: str, kind: type[Exception], said: str) -> None:
    adapter = made(MISBEHAVING)
    with pytest.raises(kind) as raised:
        answer(adapter, id=f"ways/{way}")
    assert said in str(raised.value)


def test_what_it_prints_beside_its_frames_is_skipped_and_kept(capfd: pytest.CaptureFixture[str]) -> None:
    adapter = made(MISBEHAVING)
    assert answer(adapter, id="ways/prints").keys() == {"y", "h_n", "c_n"}
    assert capfd.readouterr().err == 'loading kernels\n{"op\n[done] '
    assert answer(adapter, id="ways/nothing") == {}  # the judge says what is missing
    with pytest.raises(EngineError) as raised:
        answer(adapter, id="ways/raises")
    assert raised.value.__notes__ == ["at lstm.c:88"]
    assert answer(adapter).keys() == {"y", "h_n", "c_n"}


def test_a_child_that_holds_its_output_open_does_not_keep_it_alive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LSTM_NOTES", str(tmp_path / "pid"))
    with pytest.raises(HarnessDied, match="exit code 6"):
        answer(made(MISBEHAVING), id="ways/leaves-a-child")
    child = int((tmp_path / "pid").read_text())
    assert not gone(child, 0.0)  # only a worker can end it: it is marked
    os.kill(child, signal.SIGKILL)


def test_what_is_declared_is_what_holds_and_a_layer_may_say_otherwise(tmp_path: Path) -> None:
    declared = {"contracts": {"padded_y": "last"}, "precision": {"float32": "tf32"}}
    case = Case.model_validate(SIZES)
    adapter = made(script(tmp_path, **declared))
    assert (adapter.padded_y(case), adapter.empty_rows(case)) == ("last", "initial")
    assert (adapter.precision("float32"), adapter.precision("float64")) == ("tf32", "float64")
    adapter = made(script(tmp_path, **declared, prepared={"precision": "bfloat16", "empty_rows": "zeros"}))
    answer(adapter)
    assert (adapter.padded_y(case), adapter.empty_rows(case)) == ("last", "zeros")
    assert adapter.precision("float32") == "bfloat16"


def test_an_engine_that_is_not_there_says_why(tmp_path: Path) -> None:
    hello = 'return {"op": "ok", "versions"'
    text = EXAMPLE.read_text().replace(
        hello, f'return {{"op": "unavailable", "reason": "no NPU"}}, {{}}\n        {hello}'
    )
    (tmp_path / "engine.py").write_text(text)
    with pytest.raises(AdapterUnavailable, match="plain-loop: no NPU"):
        made(f"{sys.executable} {tmp_path / 'engine.py'}")


def test_a_package_ships_one_in_three_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "acme.json").write_text(json.dumps({"protocol": 1, "name": "acme", "devices": ["npu"]}))
    (tmp_path / "acme.py").write_text(f"""
from conformance.adapters.harness.adapter import ShippedHarness
class Acme(ShippedHarness):
    command = ({sys.executable!r}, "harness.py")
    described = "acme.json"
""")
    (tmp_path / "harness.py").write_text(EXAMPLE.read_text())
    monkeypatch.syspath_prepend(tmp_path)
    import acme  # type: ignore[import-not-found]

    assert issubclass(acme.Acme, ShippedHarness)
    assert (acme.Acme.name, acme.Acme.devices) == ("acme", {"npu"})  # nothing was started
    assert acme.Acme.words() == [sys.executable, str(tmp_path / "harness.py")]
    assert answer(acme.Acme("npu")).keys() == {"y", "h_n", "c_n"}


def test_of_an_error_smoke_shows_what_the_harness_says_of_it_and_nothing_of_the_suite() -> None:
    adapter = made(MISBEHAVING)

    class Here:
        def ask(self, case: Case, arrays: Arrays, timeout: float) -> Answer:
            return worker.answer(adapter, Ask.of(case, arrays, timeout))

    asker = Asker(Here, 1.0)  # type: ignore[arg-type]
    with pytest.raises(NoAnswer) as raised:
        asker.ask(Question(SIZES | {"id": "ways/raises"}))
    assert str(raised.value) == "EngineError: out of registers\nat lstm.c:88"
