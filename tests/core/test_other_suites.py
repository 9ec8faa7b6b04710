"""Reference and oracle against vectors that other suites publish.

Those files stay out of this project; LSTM_OTHER_SUITES names one (JSON lines, one case a line: x (T, B, I); lengths;
directions with W (4, H, I), R (4, H, P), b_w, b_r, gates i f g o, reverse, activations [gate, cell, hidden]; h0, c0;
options; expected y (T, D, B, P), h_n, c_n; tolerance atol, rtol, known_wrong_golden).
"""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from conformance.case.model import Case
from conformance.case.tensors import Arrays
from conformance.lstm.reference import Reference

FILE = os.environ.get("LSTM_OTHER_SUITES", "")
LINES = [json.loads(line) for line in Path(FILE).read_text().splitlines()] if FILE else []
NOT_BUILT = ("peephole", "projection", "projection_bias", "layer_norm_gamma")


def is_built(line):
    return not line["options"] and not any(d.get(key) is not None for d in line["directions"] for key in NOT_BUILT)


CHOSEN = [line for line in LINES if is_built(line)]


def problem(line):
    """The line as a case of ours, its arrays, and which batch rows have a length above 0."""
    x = np.array(line["x"], np.float64)
    lengths = None if line["lengths"] is None else np.array(line["lengths"], np.int64)
    # What a row of length 0 leaves is a contract that suites disagree on: such rows are left out.
    rows = np.arange(x.shape[1]) if lengths is None else np.flatnonzero(lengths > 0)
    reverse = [direction["reverse"] for direction in line["directions"]]
    direction = "bidirectional" if len(reverse) == 2 else "reverse" if reverse[0] else "forward"
    x = x[:, rows]
    tensors = {"inputs.x": x}
    for name in ("h0", "c0"):
        if line[name] is not None:
            tensors[f"inputs.{name}"] = np.array(line[name], np.float64)[:, rows]
    if lengths is not None:
        tensors["inputs.lengths"] = lengths[rows]
    for row, weights in enumerate(line["directions"]):
        shape = np.shape(weights["W"])[:2]
        for name in ("W", "R", "b_w", "b_r"):
            given = weights.get(name)
            tensors[f"weights.{name}.{row}"] = np.zeros(shape) if given is None else np.array(given, np.float64)
    names = [dict(zip(("gate", "cell", "hidden"), d["activations"], strict=True)) for d in line["directions"]]
    case = Case(
        id="other/line",
        T=x.shape[0],
        B=x.shape[1],
        I=x.shape[2],
        H=len(line["directions"][0]["W"][0]),
        direction=direction,
        dtype="float64",
        activations=names,
        lengths=None if lengths is None else lengths[rows].tolist(),
        h0=None if line["h0"] is None else {"constant": 0.0},
        c0=None if line["c0"] is None else {"constant": 0.0},
    )
    return case, Arrays.from_tensors(tensors), rows


def agrees(line, outputs, rows):
    expected = {name: np.array(value, np.float64) for name, value in line["expected"].items()}
    tolerance = {"atol": line["tolerance"]["atol"], "rtol": line["tolerance"]["rtol"]}
    T, B, _ = outputs["y"].shape
    got = dict(outputs, y=outputs["y"].reshape(T, B, len(line["directions"]), -1).transpose(0, 2, 1, 3))
    return all(np.allclose(got[name], value[..., rows, :], **tolerance) for name, value in expected.items())


def by_reference(case, arrays):
    return Reference(case).run(arrays)


def by_oracle(case, arrays):
    pytest.importorskip("flint")
    from conformance.lstm.oracle import prove

    return prove(case, arrays).outputs


@pytest.mark.skipif(not FILE, reason="LSTM_OTHER_SUITES names no file of other suites' vectors")
@pytest.mark.parametrize("witness", [by_reference, by_oracle])
@pytest.mark.parametrize("line", CHOSEN, ids=lambda line: f"{line['suite']}/{line['test']}")
def test_agrees_with_what_others_publish(line, witness):
    case, arrays, rows = problem(line) if any(line["lengths"] or [1]) else (None, None, None)
    if case is None:
        pytest.skip("every row has length 0: what it leaves is a contract, not mathematics")
    known_wrong = line["tolerance"].get("known_wrong_golden", False)
    assert agrees(line, witness(case, arrays), rows) is not known_wrong
