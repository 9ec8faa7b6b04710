"""The picture of noise: what right answers have, and what mistakes have, on one axis with what is allowed."""

from __future__ import annotations

import math
from typing import Any

import svg

from conformance.case.dtypes import NOISE_ALLOWED
from conformance.golden.power import LEAST_SEPARATION

PER_DECADE, FIRST, LAST = 10, -1, 9
"""The axis: decades from 0.1 to 10^9; what lies outside stands in a bin at either end."""
WIDTH, LEFT, RIGHT = 560, 34, 520
DECADE = (RIGHT - LEFT) / (LAST - FIRST)
BIN = DECADE / PER_DECADE
ALLOWED = NOISE_ALLOWED["float32"]
NEEDED = LEAST_SEPARATION * ALLOWED
TOP, ROW, TALL = 86, 32, 96
"""Where the rows begin; how high one of right answers is, and one of mistakes with the words above it."""
NAMES = {
    "numpy": "NumPy reference",
    "torch": "PyTorch",
    "onnxruntime": "ONNX Runtime",
    "openvino": "OpenVINO",
    "tf-block-lstm": "TensorFlow BlockLSTM",
    "keras-tensorflow": "Keras on TensorFlow",
}


def picture(measured: dict[str, Any]) -> str:
    """The SVG of what docs/pictures/measure.py has measured."""
    right, mistakes = measured["adapters"], measured["mistakes"]
    answers = sum(sum(adapter["noise"].values()) for adapter in right.values())
    worst = max(adapter["worst"]["noise"] for adapter in right.values())
    count, tried = (sum(mistakes[key].values()) for key in ("best", "every"))
    middle = TOP + ROW * len(right) + 34
    bottom = middle + 2 * TALL + 6
    parts = axis(bottom)

    parts.append(svg.text(16, 28, f"Right answers: {answers:,} results, none above {worst:.1f}", "head"))
    for number, (name, adapter) in enumerate(right.items()):
        base = TOP + ROW * (number + 1) - 4
        parts += histogram(adapter["noise"], base, ROW - 8, "right")
        parts.append(svg.text(at_noise(NEEDED) + 10, base - 6, NAMES.get(name, name)))

    parts.append(svg.text(at_noise(NEEDED) + 10, middle, f"Mistakes: {count} known ones", "head"))
    for number, (key, style, words) in enumerate(
        (
            ("best", "wrong", "each once, on the case that shows it best"),
            ("every", "pale", f"each on every float32 case, {tried:,} tries"),
        )
    ):
        base = middle + TALL * (number + 1)
        parts += histogram(mistakes[key], base, TALL - 40, style, counted=True)
        parts.append(svg.text(at_noise(NEEDED) + 10, base - TALL + 30, words, "small"))

    for noise, y, words, style in (
        (ALLOWED, 54, f"{ALLOWED:g}: allowed in float32", "allowed"),
        (NEEDED, 74, f"{NEEDED:g}: what every mistake must reach somewhere", "allowed needed"),
    ):
        parts.append(svg.line([(at_noise(noise), y - 10), (at_noise(noise), bottom)], style))
        parts.append(svg.text(at_noise(noise) + 6, y, words, "small"))
    return svg.document(
        WIDTH,
        bottom + 60,
        "Noise of right answers and of mistakes",
        f"Histograms on a logarithmic axis of noise. {answers:,} right answers of {len(right)} adapters lie between 0 "
        f"and {worst:.1f}; {ALLOWED:g} is allowed. Each of {count} known mistakes reaches at least "
        f"{mistakes['least']['noise']:.0f} on the case that shows it best, most about 10 million. Tried on every "
        f"float32 case, {mistakes['caught']:,} of {tried:,} lie above {ALLOWED:g}; the others change nothing that "
        "shows there.",
        parts,
    )


def axis(bottom: float) -> list[str]:
    """The decades, and what stands at either end."""
    parts = [svg.line([(LEFT - 16, bottom), (RIGHT + 16, bottom)], "axis")]
    for decade in range(FIRST, LAST + 1):
        parts.append(svg.line([(at(decade), TOP - 4), (at(decade), bottom)], "grid"))
        words = f"10^{decade}" if decade > 3 else f"{10**decade:g}"
        parts.append(svg.text(at(decade), bottom + 19, words, "middle small quiet"))
    return [
        *parts,
        svg.text(LEFT - 22, bottom + 38, "less", "small quiet"),
        svg.text(RIGHT + 24, bottom + 38, "more, NaN,", "end small quiet"),
        svg.text(RIGHT + 24, bottom + 53, "wrong shape", "end small quiet"),
        svg.text((LEFT + RIGHT) / 2, bottom + 44, "noise (1 is what rounding alone does)", "middle"),
    ]


def at(decade: float) -> float:
    """Where a power of ten stands."""
    return LEFT + (decade - FIRST) * DECADE


def at_noise(noise: float) -> float:
    """Where a noise stands."""
    return at(math.log10(noise))


def histogram(counts: dict[str, int], base: float, height: float, style: str, *, counted: bool = False) -> list[str]:
    """The bars of one row, the tallest as tall as the row; one at either end for what lies outside the axis."""
    below, above = counts.get("zero", 0), counts.get("infinite", 0)
    inside: dict[int, int] = {}
    for key, n in ((int(key), n) for key, n in counts.items() if key not in {"zero", "infinite"}):
        if key < FIRST * PER_DECADE:
            below += n
        elif key >= LAST * PER_DECADE:
            above += n
        else:
            inside[key] = n
    most = max([below, above, *inside.values()])
    ends = [(LEFT - 16, 12.0, below), (RIGHT + 4, 12.0, above)]
    bars = [*ends, *((at(key / PER_DECADE) + 0.2, BIN - 0.4, n) for key, n in sorted(inside.items()))]
    drawn = [svg.line([(LEFT - 16, base), (RIGHT + 16, base)], "grid")]
    for x, width, n in bars:
        tall = max(1.5, height * n / most)  # a single answer can be seen, too
        drawn += [svg.bar(x, base - tall, width, tall, style)] if n else []
    if counted:
        drawn += [
            svg.text(x + width / 2, base - max(1.5, height * n / most) - 5, f"{n:,}", "middle small quiet")
            for x, width, n in ends
            if n
        ]
    return drawn
