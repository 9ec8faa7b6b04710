"""A row of the design: a level of each factor, the case that it makes, and its words."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any
from zlib import crc32

from pydantic import ValidationError

from conformance.case.model import Case
from conformance.case.tensor_table import Keys
from conformance.golden.design.factors import DEFAULTS, OPTIONS, SIZES, Row
from conformance.golden.design.rules import RULES
from conformance.golden.design.sizes import cheap
from conformance.lstm.mistakes.grammar.sites import merged


def keys_of(row: Row) -> Keys:
    """The keys of the case that a row makes, without an id. The same row gives the same keys."""
    random = Random(crc32(words(row).encode()))
    keys: Keys = {name: row[name] for name in "TBIH"}
    for option, levels in OPTIONS.items():
        keys = merged(keys, levels[row[option]](row, random))
    return keys | OPTIONS["states"][row["states"]](row, random)  # a state is absent, whatever other levels want of it


def seed_of(row: Row) -> int:
    """The seed of a row's numbers."""
    return crc32(words(row).encode()) % 10_000


def case_of(row: Row, name: str = "designed/row") -> Case | None:
    """The case that a row makes; None if the model of cases refuses it."""
    keys = {"id": name, "description": words(row), "seed": seed_of(row), "remade": True} | keys_of(row)
    try:
        return Case.model_validate(keys)
    except ValidationError:
        return None


def words(row: Row) -> str:
    """A row in words: its sizes, and the levels that are not the plain LSTM's."""
    sizes = [f"{name}={row[name]}" for name in SIZES if row[name]]
    return ", ".join([" ".join(sizes), *(row[name] for name in OPTIONS if row[name] != DEFAULTS[name])])


def row_of(text: str) -> Row:
    """The inverse of `words`.

    Raises:
        ValueError: the text is not that of a row.
    """
    first, *levels = text.split(", ")
    row: Row = dict(DEFAULTS) | dict.fromkeys(SIZES, 0)
    for part in first.split(" "):
        found = re.fullmatch("([TBIHPO])=([0-9]+)", part)
        if found is None:
            raise ValueError(f"'{part}' in '{text}' is not a size")
        row[found[1]] = int(found[2])
    for level in levels:
        option = next((name for name, known in OPTIONS.items() if level in known), None)
        if option is None:
            raise ValueError(f"'{level}' in '{text}' is not a level of an option")
        row[option] = level
    return row


def short(row: Row) -> str:
    """A few words for the name of a case: its options, as far as they fit."""
    found = ""
    for name in OPTIONS:
        level = row[name]
        if level != DEFAULTS[name]:
            word = re.sub("[^a-z0-9]+", "-", level.lower())
            if len(found) + len(word) < 60:
                found += f"-{word}"
    return found.strip("-") or "plain"


_RULES_OF = {name: [rule for rule in RULES if name in rule.factors] for name in (*OPTIONS, *SIZES)}


Ranked = Callable[[Mapping[str, Any], str, Sequence[Any]], Sequence[Any]]
"""Puts levels of a factor in the order in which they should be tried, given the row so far."""


def completed(
    part: Mapping[str, Any],
    factors: Mapping[str, Sequence[Any]],
    random: Random,
    ranked: Ranked,
    affordable: Callable[[Mapping[str, Any]], bool] = cheap,
) -> Row | None:
    """A row that has these levels of some factors; None if the attempt leads nowhere.

    Args:
        factors: every factor with the levels to choose from; the order in which they are chosen is random.
    """
    row: Row = {}
    names = [name for name in factors if name not in part]
    random.shuffle(names)
    names.sort(key=lambda name: name in SIZES)  # options decide which sizes there can be
    for name in (*part, *names):
        known = [part[name]] if name in part else ranked(row, name, random.sample(factors[name], len(factors[name])))
        for level in known:
            row[name] = level
            if all(rule.holds(row) for rule in _RULES_OF[name] if rule.known(row)) and affordable(row):
                break
        else:
            return None
    return row
