"""The run path with real adapters in real worker processes: what an adapter does costs its own case and no other."""

import json
import re
import shutil
from pathlib import Path

import pytest
from harness import LENGTHS, WAYS, Suite, install_broken_adapters
from running import SECONDS, run_all

from conformance.golden.store import VectorStore
from conformance.results.deviations import Deviation
from conformance.results.result import Result
from conformance.run.runner import Runner
from conformance.run.settings import RunSettings


@pytest.fixture(scope="module")
def results(suite: Suite) -> dict[str, Result]:
    """Every case with the adapter `broken`, one runner for all."""
    with pytest.MonkeyPatch.context() as patch:
        install_broken_adapters(patch)
        return run_all("broken", suite)


FAULTS = {
    "right": ("passed", "noise "),
    "raises": ("errored", "RuntimeError: no kernel for this shape"),
    "raises-without-a-word": ("errored", "ValueError: (no message)"),
    "calls-sys-exit": ("errored", "SystemExit: giving up"),
    "raises-a-surrogate": ("errored", r"RuntimeError: cannot read /models/caf\udce9"),
    "panics": ("errored", "Panic: index out of bounds"),
    "not-a-dict": ("errored", "TypeError: the adapter returned list; it must return a dict of arrays"),
    "a-list": ("failed", "y: is a list, needs to be a NumPy array of float32"),
    "missing": ("failed", "c_n: not returned"),
    "more-than-asked": ("passed", "noise "),
    "wrong-shape": ("failed", "y: has shape (2, 3, 4), needs (3, 2, 4)"),
    "float64": ("failed", "y: has dtype float64, needs float32"),
    "int32": ("failed", "y: is an array of dtype int32, needs to be a NumPy array of float32"),
    "nan": ("failed", "y: 1 of 24 elements differ; worst nan at (1, 0, 2): got nan, golden "),
    "one-element": ("failed", "h_n: 1 of 8 elements differ; worst 0.25 at (0, 1, 2): got "),
    "coarse": ("passed", "noise "),
    "unknown-precision": (
        "errored",
        "ValueError: the adapter declares precision 'float8'; allowed: int8, int8-by-row, bfloat16, ",
    ),
    "unknown-padding": ("errored", "ValueError: the adapter declares padded_y 'garbage'; allowed: zeros, last"),
    "unknown-empty-rows": ("errored", "ValueError: the adapter declares empty_rows 'garbage'; allowed: initial, zeros"),
    "modifies-its-inputs": ("errored", "ValueError: assignment destination is read-only"),
    "modifies-them-in-c": ("errored", "ValueError: the adapter changed what it was given: inputs.x"),
    "noisy": ("passed", "noise "),
    "interrupts": ("errored", "KeyboardInterrupt"),
    "exits": ("crashed", "the worker process ended: exit code 3; it last printed:"),
    "exits-silently": ("crashed", "the worker process ended: exit code 0"),
    "segfaults": ("crashed", "the worker process ended: Segmentation fault; it last printed:"),
    "hangs": ("timed out", "no answer within 2 s; the worker was killed"),
    "hogs": ("passed", "noise "),
    "hogs-in-c": ("passed", "noise "),
    "forks-and-both-go-on": (
        "errored",
        "the adapter forked its process and let the copy return too; the copy must end itself, with os._exit()",
    ),
    "forks-as-it-should": ("passed", "noise "),
    "speaks-out-of-turn": (
        "errored",
        "what came is no answer to this case: the adapter, or a process it has started, ",
    ),
    "still-right": ("passed", "noise "),
    "carries": ("passed", "noise "),
    "empties": ("passed", "noise "),
    "empties-unsaid": ("failed", "h_n: 4 of 8 elements differ; worst "),
}


@pytest.mark.parametrize("way", [*WAYS, *LENGTHS])
def test_every_way_to_misbehave_ends_in_its_own_outcome_with_its_own_message(results, way):
    outcome, message = FAULTS[way]
    result = results[f"broken/{way}"]
    assert result.outcome.name == outcome
    head, body, *rest = result.message().splitlines()
    assert head.startswith(f"{outcome.upper()} broken/{way} [broken; lstm-broken 1.5]   ")
    assert head.endswith(f"broken.yaml:{result.case.origin.line}")
    assert body.startswith(f"  {message}")
    assert rest[-1] == f"  again: conformance run --adapter broken --case broken/{way}"
    assert result.unexpected == (outcome != "passed")


def test_a_process_that_ends_leaves_its_last_words(results):
    assert results["broken/exits"].message().splitlines()[2:-1] == ["  | device lost"]
    assert len(results["broken/exits-silently"].message().splitlines()) == 3
    for way in ("segfaults", "hangs"):
        message = results[f"broken/{way}"].message()
        assert re.search(rf'\| +File ".*lstm_broken_ways\.py", line \d+ in {way}\n', message)
        assert "worker.py" not in message


def test_an_error_keeps_its_traceback_for_the_results_file_and_out_of_the_message(results):
    result = results["broken/raises"]
    assert "lstm_broken_ways.py" in result.record().traceback
    assert "Traceback" not in result.message()


def test_every_result_can_be_written_as_json(results):
    for result in results.values():
        line = json.loads(json.dumps(result.record().model_dump(mode="json"), allow_nan=False))
        assert (line["case"], line["adapter"]) == (result.case.id, "broken")
        assert line["outcome"] == result.outcome.name
        assert line.get("message") == (result.message() if line["outcome"] != "passed" else None)
    assert results["broken/nan"].record().noise is None
    assert 16 < results["broken/one-element"].record().noise < 1e9


def test_the_adapters_own_family_is_untouched_by_its_faults_elsewhere(results):
    outcomes = {case_id: r.outcome.name for case_id, r in results.items() if case_id.startswith("tiny/")}
    assert outcomes.pop("tiny/plain-f64") == "unsupported"
    assert set(outcomes.values()) == {"passed"}
    refused = results["tiny/plain-f64"]
    assert refused.outcome.reason == "broken computes in float32, not in float64"
    assert not refused.unexpected


def test_an_answer_is_judged_at_the_precision_its_adapter_declares(results):
    assert results["broken/coarse"].precision == "bfloat16"
    assert results["broken/coarse"].noise < 16
    assert results["broken/right"].precision == "float32"


def test_the_reference_passes_everything(suite):
    assert {result.outcome.name for result in run_all("numpy", suite).values()} == {"passed"}


@pytest.mark.slow
def test_a_tanh_that_is_wrong_by_1e_5_fails_every_case(suite, broken_adapters):
    for case_id, result in run_all("tanh-off", suite).items():
        assert result.outcome.name == "failed", case_id
        assert result.noise > 32, case_id


def damaged(suite: Suite, tmp_path: Path) -> Path:
    """A copy of the vectors with four that are not as they should be."""
    vectors = tmp_path / "vectors"
    shutil.copytree(suite.vectors, vectors)
    file = vectors / "tiny" / "plain-f32.safetensors"
    file.write_bytes(file.read_bytes()[:-100])
    file = vectors / "tiny" / "reverse.safetensors"
    content = bytearray(file.read_bytes())
    content[-100] ^= 1
    file.write_bytes(content)
    (vectors / "tiny" / "lengths.safetensors").unlink()
    manifest = json.loads((vectors / "MANIFEST.json").read_text())
    del manifest["vectors"]["tiny/stack"]
    (vectors / "MANIFEST.json").write_text(json.dumps(manifest))
    return vectors


def test_a_bad_vector_is_an_error_of_its_case_that_no_deviation_excuses(suite, tmp_path):
    everything = Deviation(cases=("*",), outcome="errored", reason="always", versions={"numpy": ">0"})
    vectors = damaged(suite, tmp_path)
    results = run_all("numpy", suite, vectors=vectors, deviations=[everything])
    for name, problem in {
        "plain-f32": "damaged or truncated",
        "reverse": "altered: SHA-256 is ",
        "lengths": "the vector of tiny/lengths cannot be read: No such file or directory",
        "stack": f"tiny/stack has no vector in {vectors}/MANIFEST.json",
    }.items():
        result = results[f"tiny/{name}"]
        assert result.outcome.name == "errored"
        assert result.unexpected
        assert result.deviation is None
        assert problem in result.message()
        assert f"make it with: conformance generate --case 'tiny/{name}'" in result.message()
    assert results["tiny/plain-f64"].outcome.name == "passed"


def test_a_vector_of_another_state_of_its_spec_is_refused(suite):
    changed = suite.cases["tiny/plain-f32"].model_copy(update={"seed": 7})
    runner = Runner("numpy", VectorStore(suite.vectors), [])
    result = runner.run(changed)
    runner.close()
    assert result.outcome.name == "errored"
    assert "made from another version of " in result.message()


def test_known_deviations_reach_the_result(suite, broken_adapters):
    known = Deviation(cases=("broken/nan", "broken/right"), reason="no idea", versions={"lstm-broken": "==1.5"})
    runner = Runner("broken", VectorStore(suite.vectors), [known], RunSettings(timeout=SECONDS))
    shows, does_not, other = (runner.run(suite.cases[f"broken/{way}"]) for way in ("nan", "right", "missing"))
    runner.close()
    assert (shows.deviates_as_known, shows.unexpected) == (True, False)
    assert (does_not.deviates_as_known, does_not.unexpected) == (False, True)
    assert (other.deviation, other.unexpected) == (None, True)


def test_a_known_deviation_of_a_precision_is_for_answers_declared_in_it(suite, broken_adapters):
    known = Deviation(cases=("*",), reason="no idea", versions={"lstm-broken": "==1.5"}, precision="bfloat16")
    runner = Runner("broken", VectorStore(suite.vectors), [known], RunSettings(timeout=SECONDS))
    coarse, right, raising = (runner.run(suite.cases[f"broken/{way}"]) for way in ("coarse", "right", "raises"))
    runner.close()
    assert coarse.deviation == known
    assert (right.deviation, right.unexpected) == (None, False)
    assert (raising.deviation, raising.unexpected) == (None, True)
