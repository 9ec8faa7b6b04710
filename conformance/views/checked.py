"""What came of a check of model files, as text and as JSON."""

from __future__ import annotations

import textwrap
from typing import Any

from conformance.case.text import counted, visible
from conformance.models.checked import Answer, Checked, CheckedLayer

_WIDTH = 100
_NOT_TOLD = {"adapter", "case", "profile", "message", "unexpected", "deviation"}
"""What a record says of the run, whose folders are gone, and of the suite's own deviations."""


def as_text(checked: Checked) -> str:
    """File by file and layer by layer: what it is, what was chosen, who computes it rightly."""
    parts = []
    for file, layers in checked.files:
        lines = [f"{file.path}: {counted(len({each.layer.where for each in layers}), 'LSTM layer')}"]
        lines += [f"  {note}" for note in file.notes]
        for where, why in file.left_out:
            lines += _wrapped(f"not checked: {where}" + (f": {why}" if why else ""), "  ")
        if not layers and not file.left_out:
            lines.append(f"  {file.nothing}")
        for layer in layers:
            lines += ["", *_layer(layer)]
        parts.append("\n".join(lines))
    return visible("\n\n".join(parts), lines=True)  # names are the file's own


def _layer(layer: CheckedLayer) -> list[str]:
    lines = _wrapped(layer.layer.where, "")
    if layer.case is not None:
        lines += _wrapped(layer.case.summary(), "  ")
    for note in layer.layer.notes:
        lines += _wrapped(note, "  ")
    if layer.problem:
        return [*lines, *_wrapped(f"not checked: {layer.problem}", "  ")]
    width = max((len(_name(answer)) for answer in layer.answers), default=0)
    for answer in layer.answers:
        lines += _wrapped(f"{_name(answer):{width}}  {answer.verdict}", "  ")
        if not answer.wrong:
            continue
        if (same := layer.told_before(answer)) is not None:
            lines.append(f"    the same as {_name(same)}")
            continue
        lines += [f"    {line}" for line in answer.story]
        if answer.known:
            lines += _wrapped(f"this is known: {answer.known}", "    ")
    for warning in layer.warnings:
        lines += _wrapped(warning, "  ")
    return lines


def _name(answer: Answer) -> str:
    return f"{answer.adapter}, the file's own node" if answer.own_node else answer.adapter


def _wrapped(text: str, indent: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH, initial_indent=indent, subsequent_indent=indent + "  ", break_on_hyphens=False)


def as_json(checked: Checked) -> list[dict[str, Any]]:
    """The same for programs."""
    return [
        {
            "file": str(file.path),
            "notes": file.notes,
            "not_checked": [{"where": where, "why": why} for where, why in file.left_out],
            "layers": [
                {
                    "where": each.layer.where,
                    "case": None if each.case is None else each.case.model_dump(mode="json", exclude={"origin"}),
                    "notes": list(each.layer.notes),
                    "problem": each.problem or None,
                    "warnings": each.warnings,
                    "answers": [
                        {
                            "adapter": answer.adapter,
                            "own_node": answer.own_node,
                            "known": answer.known or None,
                            "versions": answer.info.versions,
                            **answer.record.model_dump(mode="json", exclude=_NOT_TOLD),
                            "message": "\n".join(answer.story) or None,
                        }
                        for answer in each.answers
                    ],
                }
                for each in layers
            ],
        }
        for file, layers in checked.files
    ]
