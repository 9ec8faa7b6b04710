"""Text that came from outside, made fit for a message: nothing invisible in it, and no more of it than is of use."""

from __future__ import annotations

import re
from html import escape
from typing import Any

LONGEST = 120
"""More characters than these of a name or a number are of no use in a message."""


def visible(text: str, *, lines: bool = False) -> str:
    r"""The text with everything that has no glyph of its own written out as in a Python literal: `\x1b`, `\ud800`.

    What is left can be printed, encoded as UTF-8 and written into XML: no control character, which a terminal would
    obey, no override of the direction of writing, no lone surrogate, no noncharacter.

    Args:
        text: anything; a backslash in it stays as it is, so this is for reading and not for reading back.
        lines: the text has lines and tabs of its own to keep; without, they are written out too.
    """
    if text.isprintable():
        return text
    kept = "\n\t" if lines else ""
    return "".join(letter if letter.isprintable() or letter in kept else repr(letter)[1:-1] for letter in text)


def shortened(text: str, limit: int = LONGEST) -> str:
    """The text on one visible line; of one that is longer than `limit` characters its beginning, and how long it is."""
    if len(text) <= limit:
        return visible(text)
    return f"{visible(text[:limit])}... ({len(text):,} characters)"


_MARKUP = re.compile(r"https?://[\w./?=&%:+,;@!#~-]+|[\\`*_{}\[\]|#~]", re.ASCII)


def in_markdown(text: str) -> str:
    """The text on one line of Markdown, in a table too, with none of its characters taken for markup.

    An address of the web stays as it is, for a page makes a link of it.
    """
    marked = _MARKUP.sub(lambda found: found[0] if len(found[0]) > 1 else f"\\{found[0]}", visible(text))
    return escape(marked, quote=False)


def visible_data(value: Any) -> Any:
    """JSON with every text in it made visible, keys too."""
    if isinstance(value, str):
        return visible(value, lines=True)
    if isinstance(value, dict):
        return {visible_data(key): visible_data(each) for key, each in value.items()}
    return [visible_data(each) for each in value] if isinstance(value, list | tuple) else value
