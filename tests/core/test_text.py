"""Text from outside, as messages show it."""

from xml.etree.ElementTree import fromstring

import pytest

from conformance.case.text import shortened, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("lengths/plain-f32", "lengths/plain-f32"),
        ("größer λ 数 😀", "größer λ 数 😀"),
        ("a \\ back", "a \\ back"),
        ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
        ("nul \0, bell \a", "nul \\x00, bell \\x07"),
        ("two\nlines\tand\r\n", "two\\nlines\\tand\\r\\n"),
        ("lone \ud800 surrogate", "lone \\ud800 surrogate"),
        ("a\u202egpj.exe", "a\\u202egpj.exe"),
        ("no\ufffecharacter", "no\\ufffecharacter"),
        ("C1 \x9b, line \u2028", "C1 \\x9b, line \\u2028"),
        ("tag \U000e0041", "tag \\U000e0041"),
    ],
)
def test_what_has_no_glyph_is_written_out(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_a_text_of_several_lines_keeps_them() -> None:
    assert visible("one\n\ttwo\r\n\x1b[2J", lines=True) == "one\n\ttwo\\r\n\\x1b[2J"


def test_what_is_visible_can_be_encoded_and_is_xml() -> None:
    everything = "".join(chr(code) for code in range(0x110000) if chr(code) not in "<&")
    for lines in (False, True):
        shown = visible(everything, lines=lines)
        assert fromstring(f"<t>{shown}</t>").text == shown
        assert shown.encode().decode() == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("short", "short"),
        ("x" * 120, "x" * 120),
        ("x" * 5000, "x" * 120 + "... (5,000 characters)"),
        ("a\nb", "a\\nb"),
    ],
)
def test_a_long_text_is_shortened(text: str, shown: str) -> None:
    assert shortened(text) == shown


def test_the_limit_is_the_callers() -> None:
    assert shortened("1/" + "3" * 4400, 12) == "1/3333333333... (4,402 characters)"
