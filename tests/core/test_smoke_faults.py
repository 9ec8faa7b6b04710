"""`conformance smoke`: every fault of an adapter is found and said in a sentence, and the reference has none."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from click.testing import CliRunner

from conformance.cli import main
from conformance.results.deviations import Deviation
from conformance.run.settings import RunSettings
from conformance.run.smoke import Finding, Smoke

pytestmark = pytest.mark.slow  # four adapters are asked everything, most of it in processes that start anew

UNSOUND = Path(__file__).parent / "unsound_adapters"

KNOWN = [
    Deviation(cases=("*",), mistake=(mistake,), reason=mistake, versions={"lstm-unsound-framework": versions})
    for mistake, versions in (("peephole-ignored", ">2"), ("cell-clip-ignored", ">3"))
]
RUNS: dict[str, tuple[str, ...]] = {"unsound": (), "numpy": (), "unsound@nameless": (), "unsound@shares": ("calls/*",)}
"""Adapter -> the checks that are made, all if none is given."""


@pytest.fixture(scope="module", autouse=True)
def _installed() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [str(UNSOUND), *sys.path])
        patch.setenv("PYTHONPATH", os.pathsep.join([str(UNSOUND), os.environ.get("PYTHONPATH", "")]))
        yield


def findings_of(adapter: str) -> dict[str, Finding]:
    smoke = Smoke(adapter, KNOWN, RUNS[adapter], RunSettings(timeout=2.0))
    findings = list(smoke.findings())
    assert [finding.check for finding in findings] == smoke.checks
    return {finding.check: finding for finding in findings}


@pytest.fixture(scope="module")
def runs(_installed: None) -> dict[str, dict[str, Finding]]:
    """The findings of each of RUNS; side by side, for most of it is processes that start, and one that hangs."""
    with ThreadPoolExecutor(len(RUNS)) as pool:
        return dict(zip(RUNS, pool.map(findings_of, RUNS), strict=True))


@pytest.fixture
def unsound(runs: dict[str, dict[str, Finding]]) -> dict[str, Finding]:
    return runs["unsound"]


def ignores(what: str, names: str = "y, h_n and c_n") -> str:
    return f"the adapter, or what it wraps, ignores {what}: {names} stay the same"


def changes(what: str) -> str:
    return f"{what} must change no number, but "


FAULTS = {
    "class/imports": "loading the class imports lstm-unsound-framework",
    "inputs/rows-apart": changes("another row of the batch") + "y differ, by up to ",
    "inputs/h0.2": ignores("h0 of row 2"),
    "weights/R-f": ignores("R of gate f"),
    "weights/b_r.3": ignores("b_r of row 3"),
    "forget_bias/given": ignores("forget_bias"),
    "forget_bias/value": ignores("the value of forget_bias"),
    "calls/left-over": changes("another call before"),
    "cell_clip/value": ignores("the value of cell_clip"),
    "gate_clip/reading": ignores("the reading of gate_clip"),
    "projection_clip/value": "no answer within 2 s",
    "layer_norm/nnapi": "the process ended: exit code 3\nout of memory",
    "layer_norm/kind": "the process ended: exit code 3\nout of memory",
    "direction/reverse": ignores("the direction"),
    "layers/2": "h_n: has NaN or infinities",
    "lengths/zero": "ValueError: the adapter changed what it was given: inputs.x",
    "lengths_via/argument": ignores("lengths by way of argument"),
    "lengths_via/argument-same": changes("handing lengths over by way of argument"),
    "holes/mask": ignores("holes in the mask"),
    "states/absent-h0": changes("an absent h0"),
    "blocks/stream": changes("cutting the sequence into blocks"),
    "blocks/lengths": changes("lengths of a sequence cut into blocks"),
    "batch_major/layout": "RuntimeError: no kernel for this layout",
    "gradients/truncated": ignores("the truncation of gradients", "y, h_n, c_n, "),
    "gradients/dc_n": ignores("dc_n", "y, h_n, c_n, "),
    "gradients/d_c0": ignores("dy", "d_c0"),
    "softmax/probabilities": ignores("W_y", "probabilities"),
    "head/last-step": "logits: has shape (1, 3, 2), needs (3, 2)",
    "dtype/float64": "every number of the answer fits into float32: it is not computed in float64",
    "dtype/float16": "y: has dtype float32, needs float16",
    "dtype/bfloat16": "c_n: not returned",
    **{f"activations/{place}-elu-alpha": ignores("the alpha of elu") for place in ("gate", "cell", "hidden")},
    **{
        f"activations/{place}-leaky_relu-defaults-onnx": changes(
            "leaving leaky_relu its default parameters, those of onnx,"
        )
        for place in ("gate", "cell", "hidden")
    },
    **{
        f"activations/second-{place}": ignores(f"the second direction's {place} activation")
        for place in ("gate", "cell", "hidden")
    },
    "activations/hidden-softsign": ignores("softsign as its hidden activation"),
}


def test_every_fault_is_found_and_nothing_else(unsound):
    failed = {check for check, finding in unsound.items() if finding.outcome == "failed"}
    crossed = {check for check in failed if check.startswith("crossed/")}  # which find the same faults once more
    assert failed - crossed == set(FAULTS)


@pytest.mark.parametrize("check", FAULTS)
def test_a_fault_is_said_in_a_sentence_with_what_to_do_and_how_to_see_it_again(unsound, check):
    finding = unsound[check]
    assert finding.text.startswith(FAULTS[check].removesuffix(" stay the same"))
    assert finding.remedy
    assert finding.message().splitlines()[0] == f"FAILED {check}"
    assert finding.message().splitlines()[-1] == f"  again: conformance smoke unsound --check {check}"


def test_what_is_declared_and_refused_is_told(unsound):
    refused = {check: finding for check, finding in unsound.items() if finding.outcome == "refused"}
    assert set(refused) == {"coupling/input=1-forget", "coupling/kind"}
    assert refused["coupling/kind"].text == "declared, but refused: unsound: couples the other way only"
    assert refused["coupling/kind"].remedy.startswith("remove it from the capabilities")


def test_an_answer_that_the_next_call_overwrites_and_numbers_that_drift(runs):
    failed = {check: finding.text for check, finding in runs["unsound@shares"].items() if finding.outcome == "failed"}
    assert failed.keys() == {"calls/overwritten", "calls/again"}
    assert failed["calls/overwritten"].startswith("an answer is overwritten by the next call's: ")
    assert failed["calls/again"].startswith(changes("everything asked in between"))


def test_where_the_class_is_wrong_the_others_wait(runs):
    findings = list(runs["unsound@nameless"].values())
    assert (findings[1].check, findings[1].outcome) == ("class/versions", "failed")
    assert findings[1].text == "versions is {}; known deviations and results files depend on it"
    assert {(each.outcome, each.text) for each in findings[2:]} == {("waits", "waits for class/versions")}
    assert len(findings) > 100


def test_the_reference_is_sound(runs):
    assert {finding.outcome for finding in runs["numpy"].values()} == {"passed"}
    assert len(runs["numpy"]) > 190


def test_what_is_known_of_this_version_is_no_news(unsound):
    known = {check: finding.text for check, finding in unsound.items() if finding.outcome == "known"}
    readings = ("new-cell", "previous-cell", "reading")
    assert known.keys() == {*(f"peephole/{each}" for each in readings), *(f"weights/peephole-{gate}" for gate in "ifo")}
    assert all(text.startswith("known deviation: peephole-ignored (") for text in known.values())
    assert unsound["cell_clip/value"].outcome == "failed"  # known of another version


def test_the_command():
    done = CliRunner().invoke(main, ["smoke", "unsound-words"])
    assert done.exit_code == 1
    for line in (
        "FAILED class/words\n  name is 'unsound-word'; its entry point calls it 'unsound-words'",
        "  directions has 'backward'; allowed: forward, reverse, bidirectional",
        "  coupling has 'cifg'; allowed: forget=1-input, input=1-forget",
        "  lengths is 'per row'; allowed: each, common, none",
        "  max_layers is 0; it must be a whole number of at least 1",
        "  do: correct the class attributes\n  again: conformance smoke unsound-words --check class/words\n",
        "WAITS class/versions, class/imports, class/plain-case\n  waits for class/words",
        "unsound-words: 4 checks: 1 failed, 3 waits",
    ):
        assert f"{line}\n" in done.stdout
    none = CliRunner().invoke(main, ["smoke", "numpy", "--check", "peephole/new-cel"])
    assert (none.exit_code, none.stdout) == (2, "")
    assert none.stderr == "no check matches 'peephole/new-cel'; conformance smoke numpy -v lists them\n"
    gone = CliRunner().invoke(main, ["smoke", "unsound-module"])
    assert (gone.exit_code, gone.stdout) == (2, "")
    assert gone.stderr.startswith("unsound-module: the process that loads its class gave no answer: ")


def test_an_adapter_in_another_place_for_programs():
    worker = f"other=python={sys.executable}"
    asked = [
        "smoke",
        "other:unsound",
        "--worker",
        worker,
        "--check",
        "peephole/new-cell",
        "--check",
        "weights/W-?",
        "--json",
    ]
    done = CliRunner().invoke(main, asked)
    told = json.loads(done.stdout)
    assert (done.exit_code, told["adapter"]) == (1, "other:unsound")
    assert told["versions"] == {"lstm-unsound-framework": "2.5"}
    assert [finding["outcome"] for finding in told["findings"]] == [*["passed"] * 4, "failed"]
    again = f"conformance smoke other:unsound --check peephole/new-cell --worker {worker}"
    assert told["findings"][-1]["again"] == again
