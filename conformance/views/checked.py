"""What came of a check of model files, as text and as JSON."""

from __future__ import annotations

import textwrap
from typing import Any

from conformance.case.text import counted, shortened, visible
from conformance.models.checking import Answer, Checked, CheckedLayer

_WIDTH = 100
_LONGEST = 300
"""Most characters of a refusal; engines write paths of their own sources into them."""
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
    told: dict[tuple[str, ...], Answer] = {}
    for answer in layer.answers:
        lines += _wrapped(f"{_name(answer):{width}}  {_verdict(answer)}", "  ")
        if not answer.record.outcome_class.wrong:
            continue
        story = tuple(_story(answer))
        if (same := told.setdefault(story, answer)) is not answer:
            lines.append(f"    the same as {_name(same)}")
            continue
        lines += [f"    {line}" for line in story]
        if answer.known:
            lines += _wrapped(f"this is known: {answer.known}", "    ")
    for warning in layer.warnings:
        lines += _wrapped(warning, "  ")
    return lines


def _name(answer: Answer) -> str:
    return f"{answer.adapter}, the file's own node" if answer.own_node else answer.adapter


def _verdict(answer: Answer) -> str:
    record = answer.record
    if record.outcome == "passed":
        return f"right: noise {record.noise:.2g} of {record.allowed:g}" if record.noise is not None else "right"
    if record.outcome == "unsupported":
        return f"not supported: {shortened(' '.join(_story(answer)), _LONGEST)}"
    return record.outcome.upper()


def _story(answer: Answer) -> list[str]:
    """The message without its head, which names files that are gone, and without the command that would need them."""
    lines = [line.removeprefix("  ").rstrip() for line in (answer.record.message or "").splitlines()[1:]]
    return [line for line in lines if line and not line.startswith("again:")]


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
                            "versions": answer.versions,
                            **answer.record.model_dump(mode="json", exclude=_NOT_TOLD),
                            "message": "\n".join(_story(answer)) or None,
                        }
                        for answer in each.answers
                    ],
                }
                for each in layers
            ],
        }
        for file, layers in checked.files
    ]
