"""Shows one case in full, as text or as JSON: options, shapes, sources of weights and inputs, golden values."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from conformance.case.model import Case
from conformance.golden.vector import Vector


def as_json(case: Case, vector: Vector) -> str:
    """Everything about a case; golden values are numbers that read back as the same float64."""
    content: dict[str, Any] = case.model_dump(mode="json", exclude_none=True)
    content["tolerance"] = case.tolerance.terms(case.dtype)
    content["spec_digest"] = case.digest()
    content["shapes"] = {name: list(array.shape) for name, array in vector.arrays.flat.items()}
    content["golden"] = {name: vector.golden[name].tolist() for name in case.outputs}
    content["kappa"] = {name: vector.kappa[name].tolist() for name in case.outputs}
    return json.dumps(content, indent=1)


def as_text(case: Case, vector: Vector) -> str:
    """The same as text; long tensors are shortened."""
    lines = [f"{case.id}   {case.origin}", f"  {case.summary()}"]
    lines += [f"  {case.description}"] if case.description else []
    lines += [f"  source: {case.source}"] if case.source else []
    terms = case.tolerance.terms(case.dtype)
    lines.append("  tolerance: " + ", ".join(f"{name} {value:g}" for name, value in terms.items()))
    lines.append("inputs and weights")
    for name, array in vector.arrays.flat.items():
        lines.append(f"  {name} {array.dtype} {array.shape}")
    lines.append("golden (float64, proven correctly rounded)")
    for name in case.outputs:
        golden = vector.golden[name]
        lines.append(f"  {name} {golden.shape}, kappa up to {vector.kappa[name].max(initial=0.0):g}")
        with np.printoptions(precision=17, threshold=60, edgeitems=2, linewidth=110):
            lines += [f"    {row}" for row in str(golden).splitlines()]
    return "\n".join(lines)
