"""Lists the designed cases, and those made for samples, in the known deviations, after they were drawn.

    conformance run --case 'designed*' --case 'sampled/*' -o results.jsonl     # several files will do
    python deviations/designed.py results.jsonl

An unexpected wrong answer joins the entry of its adapter's file that has its outcome and its mistakes. Where the
diagnosis names none, more than two of them or digits of the framework's own, the words of the case say which to expect
(WORDS, DIGITS), and the next run says whether that is right. What is left is printed, and needs an entry, written by
hand. A designed case that passed leaves its entry, and so does one that there no longer is.
"""

from __future__ import annotations

import json
import re
import sys
import textwrap
from collections import defaultdict
from pathlib import Path
from typing import Any

from conformance.case.load import load_specs
from conformance.golden.design.factors import DEFAULTS, OPTIONS
from conformance.results.deviations import Deviation, load_all

FOLDER = Path(__file__).parent
WIDTH = 120
NAME = re.compile(r"(designed[\w.-]*|sampled)/\d{3}-")


_ACTIVATIONS = dict.fromkeys(
    [level for level in OPTIONS["activations"] if level != DEFAULTS["activations"]], "activations-ignored"
)
_LENGTHS = dict.fromkeys(("one length", "unsorted lengths", "empty rows"), "lengths-ignored")
_TINY = dict.fromkeys(("tiny numbers", "tiny gradients"), "subnormal-terms-flushed")
_CLIP = {"cell clip": "gradient-clip-passed-through"}
_OPENVINO = _TINY | {
    "peepholes": "peephole-ignored",
    "forget=1-input": "input-forget-ignored",
    "activations per direction": "second-direction-uses-first-activations",
    "batch-major": "layout-ignored",
}
_LEFT_OUT = ("one length", "unsorted lengths", "holes")
_KERAS = {f"upstream and {kind}": "left-out-steps-run-as-zeros" for kind in _LEFT_OUT} | {
    f"reverse and cross-entropy and {kind}": "loss-mask-reversed" for kind in _LEFT_OUT
}
_INTEGERS = dict.fromkeys(_LENGTHS, "quantised-dynamically")
_OF_ONNX = {"gate clip": "clip-ignored", "forget=1-input": "input-forget-ignored"}
WORDS: dict[str, dict[str, str]] = {
    "opencv": _OF_ONNX
    | _LENGTHS
    | {"peepholes": "peephole-forget-and-output-swapped", "reverse": "reverse-final-state-after-first-step"},
    "tract": _OF_ONNX | _ACTIVATIONS | {"reverse": "reverse-as-forward"},
    "mnn": _OF_ONNX | _LENGTHS | {"reverse": "reverse-as-forward"},
    "iree": _TINY
    | _LENGTHS
    | {"peepholes": "peephole-ignored"}
    | {level: "unknown-activation-as-relu" for level in _ACTIVATIONS if level != "relu"},
    "onnx-reference": {"gate clip of all": "clip-ignored", "forget=1-input": "input-forget-ignored"}
    | _ACTIVATIONS
    | _LENGTHS,
    "openvino-static": _OPENVINO,
    "openvino": _OPENVINO | _LENGTHS,
    "openvino-default": _OPENVINO | _LENGTHS,
    "torch": _TINY,
    "torch-cell": _TINY,
    "tf-block-lstm": _TINY | _CLIP,
    "tf-block-lstm-v2": _TINY | _CLIP | dict.fromkeys(("gradients", "truncated"), "gradient-gates-igfo-for-ifgo"),
    "tf-lstm-block-cell": _TINY,
    "tf1-lstm-cell": _TINY,
    "keras-tensorflow": _TINY | _KERAS,
    "keras-jax": _TINY | _KERAS | {"float64": "float64-in-float32"},
    "keras-torch": _TINY | _KERAS | {"float64": "float64-in-float32"},
    "keras-onnxruntime": _KERAS,
    "flax": _TINY,
    "flax-linen": _TINY,
    "haiku": _TINY,
    "equinox": _TINY,
    "jax-rnn": _TINY,
    "paddle-inference": _TINY,
    "torch-litert": _TINY,
    "onnxruntime-int8": _INTEGERS,
    "onnxruntime-int8-by-row": _INTEGERS,
    "mindspore": {"tiny numbers": "subnormal-terms-flushed"},
}
"""Adapter -> words of a case -> the mistake to expect; all of them are made together."""
_OF_ONNXRUNTIME = {
    ("elu", "tiny numbers"): "onnxruntime_elu",
    ("steep activations", "tiny numbers"): "onnxruntime_scaled_tanh",
    ("tiny numbers",): "onnxruntime_tiny_tanh",
    ("large numbers",): "onnxruntime_sigmoid_tail",
    ("hard sigmoid of Keras", "empty rows"): "keras_onnx_negative_zero",
}
DIGITS: dict[str, dict[tuple[str, ...], str]] = {
    "onnxruntime": _OF_ONNXRUNTIME,
    "keras-onnxruntime": _OF_ONNXRUNTIME,
    "torch-torchscript-onnxruntime": _OF_ONNXRUNTIME,
    "torch-dynamo-onnxruntime": _OF_ONNXRUNTIME,
    "keras-tensorflow": {("elu", "tiny numbers"): "keras_tensorflow_elu"},
    "tf1-lstm-cell": {("elu", "tiny numbers"): "tensorflow_elu"},
    "onnxruntime-int8": {("elu", "tiny numbers"): "onnxruntime_elu"},
    "onnxruntime-int8-by-row": {("elu", "tiny numbers"): "onnxruntime_elu"},
    "tinygrad": {("tiny numbers",): "tinygrad_tanh"},
    "mnn": {("batch-major",): "mnn_layout", ("tiny numbers",): "mnn_sigmoid_and_tanh"},
    "ncnn": {("tiny numbers",): "ncnn_sigmoid_and_tanh"},
}
"""Adapter -> words of a case -> the reproduction of digits of its own; the first that fits."""


def mistakes_of(record: dict[str, Any]) -> list[frozenset[str]]:
    """The sets of mistakes that explain a wrong answer, the best first."""
    return [frozenset(suspect["mistakes"]) for suspect in record.get("suspects") or []]


def entry_for(record: dict[str, Any], entries: list[Deviation], words: set[str]) -> Deviation | None:
    """The entry that explains an unexpected wrong answer. words: of the case."""
    fits = [e for e in entries if e.outcome == record["outcome"] and e.precision in (None, record.get("precision"))]
    proofs = [proof for needed, proof in DIGITS.get(record["adapter"], {}).items() if words.issuperset(needed)]
    made = [[e for e in fits if frozenset(e.mistake) == mistakes] for mistakes in mistakes_of(record)]
    proven = [e for e in fits if Path(e.repro or "").stem in proofs[:1]]
    together = expected(record["adapter"], words)
    words_say = [e for e in fits if e.mistake and set(e.mistake) == together]
    for found in (*made, proven, words_say):
        if found:
            return found[0]
    return fits[0] if fits and record["outcome"] != "failed" else None


def expected(adapter: str, words: set[str]) -> set[str]:
    """The mistakes that an adapter makes in a case with these words."""
    return {mistake for needed, mistake in WORDS.get(adapter, {}).items() if words.issuperset(needed.split(" and "))}


def combined(record: dict[str, Any], entries: list[Deviation], words: set[str]) -> tuple[set[str], str] | None:
    """A new entry, but for its cases, for several mistakes that have an entry each; None if one has none."""
    known = {entry.mistake[0]: entry for entry in reversed(entries) if len(entry.mistake) == 1}
    for mistakes in (*map(set, mistakes_of(record)), expected(record["adapter"], words)):
        if record["outcome"] == "failed" and len(mistakes) > 1 and known.keys() >= mistakes:
            parts = [known[mistake] for mistake in known if mistake in mistakes]
            reason = textwrap.fill("; ".join(part.reason for part in parts), WIDTH - 4, break_on_hyphens=False)
            settings = ", ".join(f'{k}: "{v}"' for part in parts for k, v in part.settings.items())
            lines = [
                *(f"  precision: {part.precision}" for part in parts if part.precision is not None),
                *([f"  settings: {{{settings}}}"] if settings else []),
                "  reason: >-",
                textwrap.indent(reason, "    "),
                f"  mistake: [{', '.join(part.mistake[0] for part in parts)}]",
                f"  repro: {parts[0].repro}",
                f"  versions: {{{', '.join(f'{k}: {json.dumps(v)}' for k, v in parts[0].versions.items())}}}",
            ]
            return mistakes, "\n".join(lines) + "\n"
    return None


def relisted(text: str, line: int, ids: set[str]) -> str:
    """The text of a file in which the entry on a line lists these designed cases besides those written by hand."""
    start = sum(map(len, text.splitlines(keepends=True)[: line - 1]))
    listed = re.compile(r"- cases: \[(.*?)\]$", re.DOTALL | re.MULTILINE).match(text, start)
    if listed is None:
        raise SystemExit(f"line {line}: an entry begins with '- cases: ['")
    by_hand = [name for name in re.split(r",\s*", listed[1]) if name and not NAME.match(name)]
    head, inside = "- cases: [", ", ".join([*by_hand, *sorted(ids)])
    lines = textwrap.wrap(inside, WIDTH - len(head), break_on_hyphens=False, break_long_words=False)
    return text[:start] + head + f"\n{' ' * len(head)}".join(lines) + "]" + text[listed.end() :]


def with_entries(text: str, added: dict[str, set[str]]) -> str:
    """The text of a file with new entries: at its end, or before what it has in common with another."""
    for entry, patterns in sorted(added.items()):
        new = relisted(f"- cases: []\n{entry}", 1, patterns)
        shared = re.search(r"(^#[^\n]*\n)*^- same_as:", text, re.MULTILINE)
        place = shared.start() if shared else len(text)
        text = text[:place] + new + text[place:]
    return text


def write(adapter: str, entries: list[Deviation], lists: dict[str, set[str]], added: dict[str, set[str]]) -> None:
    """The file of an adapter with these lists of designed cases and new entries."""
    path = FOLDER / f"{adapter}.yaml"
    before = text = path.read_text(encoding="utf-8")
    for entry in reversed(entries):  # the last first, so that lines before it stay where they are
        if lists[entry.where] != {p for p in entry.cases if NAME.match(p)}:
            text = relisted(text, int(entry.where.rsplit(":", 1)[1]), lists[entry.where])
    text = with_entries(text, added)
    if text != before:
        path.write_text(text, encoding="utf-8", newline="\n")
        print(f"{path.name} written")


def main(files: list[str]) -> None:
    """Rewrite the lists of the files of all adapters in these results."""
    results = [json.loads(line) for file in files for line in Path(file).read_text(encoding="utf-8").splitlines()]
    cases = {case.id: case for case in load_specs(FOLDER.parent / "specs")}
    patterns = {found[0] + "*": name for name in cases if (found := NAME.match(name))}
    every = load_all(FOLDER)
    own = {name: [d for d in found if f"/{name}.yaml:" in d.where] for name, found in every.items()}
    added: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    lists: dict[str, set[str]] = {
        d.where: {p for p in d.cases if p in patterns} for found in own.values() for d in found
    }
    open_questions: dict[str, list[str]] = defaultdict(list)
    for record in results:
        found = NAME.match(record.get("case", ""))
        if record["kind"] != "result" or not record.get("unexpected") or found is None:
            continue
        adapter, pattern = record["adapter"], found[0] + "*"
        for entry in own.get(adapter, []):
            lists[entry.where].discard(pattern)
        text = cases[record["case"]].description or ""
        words, known = set(text.split(", ")), every.get(adapter, [])
        if record["outcome"] == "passed":
            if any(pattern in lists[entry.where] for entry in known):
                open_questions[f"{adapter}: passed, although another adapter's file has it"].append(record["case"])
        elif (listed_in := entry_for(record, known, words)) is not None:
            lists[listed_in.where].add(pattern)
        elif (new := combined(record, known, words)) is not None:
            added[adapter][new[1]].add(pattern)
        else:
            alike = " | ".join("+".join(sorted(each)) for each in mistakes_of(record)) or "nothing known"
            open_questions[f"{adapter}: {record['outcome']}, looks like {alike}"].append(f"{record['case']}: {text}")
    for where in sorted(where for where, patterns in lists.items() if not patterns):
        entry = next(d for found in own.values() for d in found if d.where == where)
        if all(map(NAME.match, entry.cases)):
            print(f"{where}: none of its cases is left; take the entry out")
            lists[where] = set(entry.cases)
    for adapter, entries in own.items():
        write(adapter, entries, lists, added[adapter])
    for question, asked in open_questions.items():
        print(f"{question}, in {len(asked)}", *asked[:3], sep="\n    ")


if __name__ == "__main__":
    main(sys.argv[1:])
