"""Makes text from outside fit for a message: nothing in it is invisible, and it is not longer than is useful."""

from __future__ import annotations

import re
from html import escape
from typing import Any

LONGEST = 120
"""Most characters of a name or a number that a message shows."""


def visible(text: str, *, lines: bool = False) -> str:
    r"""The text with everything that has no glyph of its own written out as in a Python literal: `\x1b`, `\ud800`.

    The result can be printed, encoded as UTF-8 and written into XML: it has no control character, which a terminal
    would obey, no override of the writing direction, no lone surrogate, no noncharacter.

    Args:
        text: anything; a backslash in it stays as it is, so the result is for people and cannot be parsed back.
        lines: keep line breaks and tabs; otherwise they are written out too.
    """
    if text.isprintable():
        return text
    kept = "\n\t" if lines else ""
    return "".join(letter if letter.isprintable() or letter in kept else repr(letter)[1:-1] for letter in text)


def shortened(text: str, limit: int = LONGEST) -> str:
    """The text on one visible line; if it is longer than `limit` characters, its beginning and its length."""
    if len(text) <= limit:
        return visible(text)
    return f"{visible(text[:limit])}... ({len(text):,} characters)"


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """A number with its noun in the right form: "1 case", "2,000 cases"."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


_MARKUP = re.compile(r"https?://[\w./?=&%:+,;@!#~-]+|[\\`*_{}\[\]|#~]", re.ASCII)


def in_markdown(text: str) -> str:
    """The text on one line of Markdown, also within a table, with none of its characters read as markup.

    A web address stays as it is, because a page turns it into a link.
    """
    marked = _MARKUP.sub(lambda found: found[0] if len(found[0]) > 1 else f"\\{found[0]}", visible(text))
    return escape(marked, quote=False)


def visible_data(value: Any) -> Any:
    """JSON with every text in it made visible, including keys."""
    if isinstance(value, str):
        return visible(value, lines=True)
    if isinstance(value, dict):
        return {visible_data(key): visible_data(each) for key, each in value.items()}
    return [visible_data(each) for each in value] if isinstance(value, list | tuple) else value
