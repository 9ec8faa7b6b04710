"""Reference and oracle against vectors that other suites publish.

Those files stay out of this project; LSTM_OTHER_SUITES names one (JSON lines, one case a line: x (T, B, I); lengths;
directions with W (4, H, I), R (4, H, P), b_w, b_r, peephole (3, H), projection (P, H), projection_bias (P),
layer_norm_gamma (4, H), gates i f g o, reverse, activations [gate, cell, hidden]; h0, c0; options gate_clip, cell_clip,
projection_clip, coupling, layer_norm; expected y (T, D, B, P), h_n, c_n; tolerance atol, rtol, known_wrong_golden).

Three things those files leave open:

- **gate_clip.** They say that it bounds the input of every activation, ONNX's literal text. onnxruntime, whose cases
  they are, bounds the four gate pre-activations only. In none of them does |c| reach the bound, so the two readings
  give the same numbers to the last bit: both have to reproduce them, and they prove neither.
- **layer_norm "gate"** is NNAPI's: its epsilon 1e-8, the bias after it.
- **A row of length 0**: what it leaves in h_n and c_n is a contract. Every such row starts from zeros here, and then
  the two contracts there are, the initial state and zeros, are one.
"""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conformance.case.model import Case
from conformance.case.tensors import Array, Arrays, Outputs
from conformance.lstm.reference import Reference

FILE = os.environ.get("LSTM_OTHER_SUITES", "")
LINES: list[dict[str, Any]] = [json.loads(line) for line in Path(FILE).read_text().splitlines()] if FILE else []
CLIPPED = [line for line in LINES if line["options"].get("gate_clip")]
IDS = [f"{line['suite']}/{line['test']}" for line in LINES]
READINGS = ("gates", "all")

needs_file = pytest.mark.skipif(not FILE, reason="LSTM_OTHER_SUITES names no file of other suites' vectors")


def problem(line: dict[str, Any], reading: str = "gates") -> tuple[Case, Arrays]:
    """The line as a case of ours, with its arrays."""
    directions, options = line["directions"], line["options"]
    tensors = {f"inputs.{n}": np.array(line[n], np.float64) for n in ("x", "h0", "c0") if line[n] is not None}
    if line["lengths"] is not None:
        tensors["inputs.lengths"] = np.array(line["lengths"], np.int64)
    H = len(directions[0]["W"][0])
    ours = {"layer_norm_gamma": "gamma"}
    for row, weights in enumerate(directions):
        tensors |= {f"weights.{name}.{row}": np.zeros((4, H)) for name in ("b_w", "b_r")}
        given = {n: v for n, v in weights.items() if v is not None and n not in ("reverse", "activations")}
        tensors |= {f"weights.{ours.get(n, n)}.{row}": np.array(v, np.float64) for n, v in given.items()}
    reverse = [direction["reverse"] for direction in directions]
    T, B, I = tensors["inputs.x"].shape
    projection = tensors.get("weights.projection.0")
    clip = options.get("gate_clip")
    case = Case.model_validate(
        {
            "id": "other/line",
            **{"T": T, "B": B, "I": I, "H": H, "P": None if projection is None else len(projection)},
            "direction": "bidirectional" if len(reverse) == 2 else "reverse" if reverse[0] else "forward",
            "dtype": "float64",
            "activations": [dict(zip(("gate", "cell", "hidden"), d["activations"], strict=True)) for d in directions],
            "peephole": "weights.peephole.0" in tensors,
            "projection_bias": "weights.projection_bias.0" in tensors,
            "gate_clip": {"bound": float(clip), "reading": reading} if clip else None,
            "cell_clip": options.get("cell_clip"),
            "projection_clip": options.get("projection_clip"),
            "coupling": options.get("coupling"),
            "layer_norm": {None: None, "gate": "nnapi"}[options.get("layer_norm")],
            "lengths": line["lengths"],
            **{name: None if line[name] is None else {"constant": 0.0} for name in ("h0", "c0")},
        }
    )
    return case, Arrays.from_tensors(tensors)


def in_their_order(line: dict[str, Any], outputs: Outputs) -> Outputs:
    """The outputs with y as (T, D, B, P)."""
    T, B, _ = outputs["y"].shape
    return outputs | {"y": outputs["y"].reshape(T, B, len(line["directions"]), -1).transpose(0, 2, 1, 3)}


def wrong(line: dict[str, Any], outputs: Outputs) -> list[str]:
    """The elements further from what is published than the suite's own tolerance."""
    got, found = in_their_order(line, outputs), []
    for name, value in line["expected"].items():
        wanted = np.array(value, np.float64)
        assert got[name].shape == wanted.shape, name
        allowed = line["tolerance"]["atol"] + line["tolerance"]["rtol"] * np.abs(wanted)
        found += [f"{name}{index.tolist()}" for index in np.argwhere(~(np.abs(got[name] - wanted) <= allowed))]
    return found


def by_reference(case: Case, arrays: Arrays) -> Outputs:
    return Reference(case).run(arrays)


def by_oracle(case: Case, arrays: Arrays) -> Outputs:
    pytest.importorskip("flint")
    from conformance.lstm.oracle import prove

    return dict(prove(case, arrays).outputs)


WITNESSES = [by_reference, by_oracle]


@needs_file
@pytest.mark.parametrize("witness", WITNESSES)
@pytest.mark.parametrize("line", LINES, ids=IDS)
def test_agrees_with_what_others_publish(line: dict[str, Any], witness: Any) -> None:
    found = wrong(line, witness(*problem(line)))
    # The two lines marked wrong are wrong in one number.
    assert found == (["y[1, 1, 0, 0]"] if line["tolerance"].get("known_wrong_golden") else [])


@needs_file
@pytest.mark.parametrize("witness", WITNESSES)
@pytest.mark.parametrize("line", CLIPPED, ids=lambda line: f"{line['suite']}/{line['test']}")
def test_published_clips_fit_both_readings(line: dict[str, Any], witness: Any) -> None:
    gates, literal = (witness(*problem(line, reading)) for reading in READINGS)
    assert wrong(line, gates) == wrong(line, literal) == []
    assert all(gates[name].tobytes() == literal[name].tobytes() for name in gates)


@needs_file
def test_every_line_is_there_and_every_option_is_among_them() -> None:
    assert len(LINES) == 145
    assert sum(line["tolerance"].get("known_wrong_golden", False) for line in LINES) == 2
    cases = [problem(line)[0] for line in LINES]
    assert {case.coupling for case in cases} == {None, "forget=1-input", "input=1-forget"}
    assert {case.layer_norm for case in cases} == {None, "nnapi"}
    assert all(any(getattr(case, o) for case in cases) for o in ("peephole", "P", "projection_bias", "gate_clip"))


@needs_file
def test_rows_of_length_0_start_from_zeros() -> None:
    def starts_from_zeros(state: Any, rows: Array) -> bool:
        return state is None or not np.array(state)[:, rows].any()

    empty = [(line, np.flatnonzero(np.array(line["lengths"]) == 0)) for line in LINES if 0 in (line["lengths"] or [])]
    assert empty
    assert all(starts_from_zeros(line[name], rows) for line, rows in empty for name in ("h0", "c0"))


@needs_file
@pytest.mark.parametrize("option", ["peephole", "projection", "projection_bias", "layer_norm_gamma", "coupling"])
def test_the_numbers_published_for_an_option_depend_on_it(option: str) -> None:
    """The comparison can fail: without the option the published numbers are missed."""
    lines = [line for line in LINES if line["options"].get(option) or line["directions"][0].get(option) is not None]
    noticed = 0
    for line in lines:
        case, arrays = problem(line)
        without = {n: np.zeros_like(a) if f".{option}." in n else a for n, a in arrays.flat.items()}
        if option == "layer_norm_gamma":
            without = {n: np.ones_like(a) if ".gamma." in n else a for n, a in arrays.flat.items()}
        if option == "coupling":
            case = case.model_copy(update={"coupling": None})
        noticed += bool(wrong(line, by_reference(case, Arrays.from_tensors(without))))
    assert noticed > len(lines) / 2
