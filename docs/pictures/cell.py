"""The picture of one step of the cell, with every option in its place: section 1 of docs/equations.md, drawn.

From top to bottom in the order of computation. Labels on the left are keys of a case, numbers on the right are those of
the equations.
"""

from __future__ import annotations

import itertools

import svg

WIDTH = 760
LABELS, RAIL = 46, 188
COLUMN = {"i": 262, "f": 390, "g": 518, "o": 652}
WIDE, HIGH, ROW = 110, 28, 44
TOP = 74
NUMBERS = 744
INPUTS = 66

ROWS = [
    # (step in the table of docs/equations.md, key of a case, a word on it, equation)
    ("1", "", "", "(1)"),
    ("", "peephole", "", "(1)"),
    ("2", "layer_norm", "both placements", "(6)"),
    ("", "bias", "the beta of nnapi", "(1)"),
    ("3", "forget_bias", "", "(2)"),
    ("4", "gate_clip", "both readings", "(7)"),
    ("5", "activations", "S, S, G", "(2)"),
    ("", "coupling", "one from the other", "(8)"),
    ("6", "", "", "(3)"),
    ("", "layer_norm", "basic-lstm-cell only", "(6)"),
    ("7", "cell_clip", "", "(9)"),
    ("", "", "", ""),
    ("8", "peephole", "of c_t, or of c_{t-1}", "(1)"),
    ("", "layer_norm", "", "(6)"),
    ("", "bias", "", "(1)"),
    ("8, 9", "gate_clip", "of c_t: all only", "(7)"),
    ("", "activations", "S, Hh", "(4)"),
    ("9", "", "", "(4)"),
    ("10", "P", "and projection_bias", "(10)"),
    ("", "projection_clip", "", "(10)"),
    ("", "lengths, skip", "a step left out", "§5"),
    ("", "", "", ""),
    ("", "head", "every step, or last", "(5)"),
]


def picture() -> str:
    """The SVG."""
    bottom = row(len(ROWS) - 1) + HIGH + 24
    return svg.document(
        WIDTH,
        bottom,
        "One step of the cell, with every option in its place",
        "From top to bottom: the four gates' sums of x and the last h, peepholes, layer norm, biases, forget bias, "
        "gate clip, activations, coupling; the new cell state, its layer norm and clip; the output gate, its peephole "
        "seeing the new cell state, or in one reading the old one; the gate clip of the new state in one of its "
        "readings, the output activation, the product of both; projection and its clip; a step left out keeps both "
        "states; the head.",
        [*labels(), *inputs(), *gates(), *cell(), *output(), *states()],
    )


def row(number: int) -> float:
    """The upper edge of a row's boxes."""
    return TOP + 28 + number * ROW


def labels() -> list[str]:
    """Head, legend, and what stands left and right of each row."""
    parts = [svg.text(20, 30, "One step of the cell, with every option in its place", "head")]
    for x, words, style in ((424, "always", "always"), (508, "an option", "option"), (612, "carried to t+1", "state")):
        parts += [svg.box(x, 18, 22, 14, "", style), svg.text(x + 28, 30, words, "small")]
    for number, (step, key, word, equation) in enumerate(ROWS):
        y = row(number) + HIGH / 2
        if step:
            parts.append(svg.text(12, y + 5, step, "small quiet"))
        parts.append(svg.text(LABELS, y + (-1 if word else 5), key or word, "key" if key else "small quiet"))
        if key and word:
            parts.append(svg.text(LABELS, y + 14, word, "small quiet"))
        parts.append(svg.text(NUMBERS, y + 5, equation, "end small quiet"))
    return parts


def boxed(column: str, number: int, words: str, style: str = "option") -> str:
    """A box of one gate's column."""
    return svg.box(COLUMN[column] - WIDE / 2, row(number), WIDE, HIGH, words, style)


def spanning(first: str, last: str, number: int, words: str, style: str = "option") -> str:
    """A box over several columns."""
    x = COLUMN[first] - WIDE / 2
    return svg.box(x, row(number), COLUMN[last] + WIDE / 2 - x, HIGH, words, style)


def down(column: str, number: int, to: int) -> str:
    """An arrow from a row's box to that of a later row."""
    return svg.arrow([(COLUMN[column], row(number) + HIGH), (COLUMN[column], row(to))])


def inputs() -> list[str]:
    """What a step takes: x and h to all four gates, c down its own rail on the left."""
    parts = [
        svg.text(RAIL, INPUTS - 6, "c_{t-1}", "middle"),
        svg.text(COLUMN["i"], INPUTS - 6, "x_t and h_{t-1}, to all four gates"),
        svg.line([(COLUMN["i"], INPUTS + 4), (COLUMN["o"], INPUTS + 4)]),
    ]
    parts += [svg.arrow([(x, INPUTS + 4), (x, row(0))]) for x in COLUMN.values()]
    parts.append(svg.line([(RAIL, INPUTS), (RAIL, row(8) + HIGH / 2)], "carried"))
    return parts


def gates() -> list[str]:
    """From (1) to (2) and (8)."""
    parts = []
    for k in "ifgo":
        parts.append(boxed(k, 0, f"W_{k} x_t + R_{k} h_{{t-1}}", "always"))
    for k in "if":
        parts.append(boxed(k, 1, f"+ p_{k} · c_{{t-1}}"))
    y, edge = row(1) + HIGH / 2, COLUMN["f"] - WIDE / 2
    parts.append(svg.arrow([(RAIL, y), (COLUMN["i"] - WIDE / 2, y)], "carried"))
    parts.append(svg.arrow([(RAIL, row(1) - 9), (edge - 10, row(1) - 9), (edge - 10, y), (edge, y)], "carried"))
    for k in "ifg":
        parts.append(boxed(k, 2, f"N_{k}"))
        parts.append(boxed(k, 3, f"+ b_{{w,{k}}} + b_{{r,{k}}}"))
        parts.append(boxed(k, 5, "± bound"))
        parts.append(boxed(k, 6, "G" if k == "g" else "S", "always"))
    parts.append(boxed("f", 4, "+ forget_bias"))
    parts.append(spanning("i", "f", 7, "f = 1 \N{MINUS SIGN} i or i = 1 \N{MINUS SIGN} f"))
    chains = {"i": (0, 1, 2, 3, 5, 6, 7, 8), "f": (0, 1, 2, 3, 4, 5, 6, 7, 8), "g": (0, 2, 3, 5, 6, 8), "o": (0, 12)}
    parts += [down(k, here, there) for k, rows in chains.items() for here, there in itertools.pairwise(rows)]
    return parts


def cell() -> list[str]:
    """From (3) to the c that is stored."""
    y = row(8) + HIGH / 2
    parts = [
        svg.arrow([(RAIL, y), (COLUMN["i"] - WIDE / 2, y)], "carried"),
        spanning("i", "g", 8, "f · c_{t-1} + i · g", "always"),
        spanning("i", "g", 9, "N_c"),
        spanning("i", "g", 10, "± cell_clip"),
        spanning("i", "g", 11, "c_t", "state"),
    ]
    parts += [down("f", number, number + 1) for number in (8, 9, 10)]
    y = row(11) + HIGH / 2
    across = [(COLUMN["g"] + WIDE / 2, y), (COLUMN["o"] - WIDE / 2 - 8, y)]
    parts.append(svg.line(across, "carried"))
    parts.append(
        svg.arrow(
            [across[1], (across[1][0], row(12) + HIGH / 2), (COLUMN["o"] - WIDE / 2, row(12) + HIGH / 2)], "carried"
        )
    )
    return parts


def output() -> list[str]:
    """The output gate, and h of it and of the new c."""
    parts = [
        boxed("o", 12, "+ p_o · c_t"),
        boxed("o", 13, "N_o"),
        boxed("o", 14, "+ b_{w,o} + b_{r,o}"),
        boxed("o", 15, "± bound"),
        boxed("o", 16, "S", "always"),
        boxed("g", 15, "± bound"),
        boxed("g", 16, "Hh", "always"),
        spanning("g", "o", 17, "m = o · Hh(c_t)", "always"),
        spanning("g", "o", 18, "W_p m + b_p"),
        spanning("g", "o", 19, "± projection_clip"),
    ]
    parts += [down("o", number, number + 1) for number in (12, 13, 14, 15, 16)]
    parts += [down("g", here, there) for here, there in ((11, 15), (15, 16), (16, 17))]
    middle = (COLUMN["g"] + COLUMN["o"]) / 2
    parts += [svg.arrow([(middle, row(n) + HIGH), (middle, row(n + 1))]) for n in (17, 18, 19, 20)]
    return parts


def states() -> list[str]:
    """What goes on to the next step, and what the head makes of y."""
    middle = (COLUMN["g"] + COLUMN["o"]) / 2
    left = (COLUMN["i"] + COLUMN["f"]) / 2
    return [
        svg.arrow([(left, row(11) + HIGH), (left, row(20))], "carried"),
        spanning("i", "o", 20, "left out: c_{t-1} and h_{t-1} stay as they are"),
        svg.arrow([(left, row(20) + HIGH), (left, row(21))], "carried"),
        svg.box(left - 60, row(21), 120, HIGH, "c_t", "state"),
        svg.box(middle - 60, row(21), 120, HIGH, "h_t", "state"),
        svg.arrow([(middle, row(21) + HIGH), (middle, row(22))]),
        svg.text(middle + 8, row(22) - 4, "y_t", "small quiet"),
        spanning("g", "o", 22, "logits = W_y y + b_y"),
    ]
