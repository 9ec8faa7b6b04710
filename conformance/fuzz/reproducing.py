"""The script of a finding that needs nothing of the suite: a plain loop beside the engine.

The engine is called by the script itself where it takes ONNX models; else the script has what it answered.
"""

from __future__ import annotations

import base64
import pprint
from pathlib import Path
from string import Template
from typing import Any

import numpy as np

from conformance.adapters import registry
from conformance.case.model import Case
from conformance.case.outcomes import Outcome
from conformance.fuzz.findings import Finding

_TEMPLATES = Path(__file__).parent / "templates"
_ONNX: dict[str, tuple[str, str]] = {
    "onnxruntime": (
        "onnxruntime",
        "session = onnxruntime.InferenceSession(model)\n    return session.run(None, feeds)",
    ),
    "onnx-reference": (
        "onnx.reference",
        "evaluator = onnx.reference.ReferenceEvaluator(onnx.load_from_string(model))\n"
        "    return evaluator.run(None, feeds)",
    ),
    "openvino": (
        "openvino",
        "core = openvino.Core()\n"
        '    core.set_property("CPU", {"INFERENCE_PRECISION_HINT": "f32"})\n'
        '    request = core.compile_model(core.read_model(model), "CPU").create_infer_request()\n'
        "    request.infer(feeds)\n"
        "    return [request.get_output_tensor(n).data for n in range(len(OUTPUTS))]",
    ),
}
"""Adapter -> the module, and the body of a function that runs `model` with `feeds`."""


def script(finding: Finding, case: Case, label: str) -> str:
    """The text of the script."""
    arrays, name = finding.arrays, registry.parse(label).name
    engine, imports = _engine(finding, case, name)
    inputs = {n: _listed(a) for n, a in arrays.inputs.flat.items() if n in ("x", "h0", "c0")}
    rows = [
        {n: _listed(a) for n in row.__dataclass_fields__ if (a := getattr(row, n)) is not None}
        for row in arrays.weights.rows
    ]
    needs = "" if not imports else f" and {imports.split()[1].partition('.')[0]}"
    return Template((_TEMPLATES / "loop.py.tmpl").read_text(encoding="utf-8")).substitute(
        title=f"{_outcome(finding.outcome)} of {label}: {', '.join(finding.kind[1:]) or 'no answer'}."[:110],
        needs=needs,
        imports=imports,
        sizes=repr({"H": case.H, "P": case.output_size}),
        options=_literal(_options(case)),
        inputs=_literal(inputs),
        weights=_literal(rows),
        engine=engine,
    )


def _outcome(outcome: Outcome) -> str:
    return {"failed": "A wrong answer", "errored": "An error"}.get(outcome.name, outcome.name.capitalize())


def _options(case: Case) -> dict[str, Any]:
    clip = case.gate_clip
    chosen = [case.activations_of(direction) for direction in range(case.D)]
    return {
        "directions": case.D,
        "reverse": [case.reverse(direction) for direction in range(case.D)],
        "activations": [[(a.name, a.alpha, a.beta) for a in (each.gate, each.cell, each.hidden)] for each in chosen],
        "gate_clip": None if clip is None else clip.bound,
        "clips_cell": clip is not None and clip.reading == "all",
        "cell_clip": case.cell_clip,
        "projection_clip": case.projection_clip,
        "forget_bias": case.forget_bias,
        "coupling": case.coupling,
        "output_peephole": case.output_peephole,
        "steps": [case.valid_steps(row) for row in range(case.B)],
    }


def _engine(finding: Finding, case: Case, name: str) -> tuple[str, str]:
    """The function `engine` of the script, and what it imports."""
    if name in _ONNX and case.blocks is None and case.calls is None and case.dtype in ("float32", "float16"):
        from conformance.adapters import onnx_model

        model = onnx_model.build(case, finding.arrays.weights, case.h0 is not None, case.c0 is not None)
        feeds = onnx_model.feeds(finding.arrays.inputs, np.dtype(np.int32))
        module, body = _ONNX[name]
        turned = case.layout == "batch_major"
        encoded = base64.b85encode(model.SerializeToString()).decode()
        parts = [encoded[n : n + 100] for n in range(0, len(encoded), 100)]
        given = [
            f'    feeds["{n}"] = np.array({_literal(_listed(a.swapaxes(0, 1) if turned and a.ndim == 3 else a))}, '
            f"np.{a.dtype})"
            for n, a in feeds.items()
        ]
        lines = [
            "OUTPUTS = " + repr(list(case.outputs)),
            "MODEL = (",
            *(f"    {part!r}" for part in parts),
            ")",
            '"""The model: one LSTM node with these weights, in base 85."""',
            "",
            "",
            "def run(model, feeds):",
            f"    {body}",
            "",
            "",
            "def engine():",
            '    """What the engine answers, by name."""',
            "    feeds = {}",
            *given,
            "    found = dict(zip(OUTPUTS, run(base64.b85decode(MODEL), feeds)))",
            *(["    found = {n: a.swapaxes(0, 1) if a.ndim == 3 else a for n, a in found.items()}"] if turned else []),
            "    return found",
        ]
        return "\n".join(lines) + "\n", f"import base64\nimport {module}\n".replace("import base64\n", "", 1) + (
            "import base64\n"
        )
    answer = {n: _listed(a) if isinstance(a, np.ndarray) else str(a) for n, a in finding.answer.items()}
    lines = [
        "def engine():",
        '    """What the engine answered when this was written; call it here with INPUTS and WEIGHTS."""',
        f"    return {_literal(answer)}",
    ]
    return "\n".join(lines) + "\n", ""


def _listed(array: Any) -> Any:
    wide = array.astype(np.float64) if array.dtype.kind not in "ib" else array
    return wide.tolist()


def _literal(value: Any) -> str:
    """Text that Python reads as the value, with NaN and infinities as NumPy's."""
    text = pprint.pformat(value, width=110, compact=True, sort_dicts=False)
    for word, name in (("nan", "np.nan"), ("inf", "np.inf")):
        text = _whole_word(text, word, name)
    return text


def _whole_word(text: str, word: str, name: str) -> str:
    import re

    return re.sub(rf"(?<![\w.'])-?{word}(?![\w'])", lambda found: found[0].replace(word, name), text)
