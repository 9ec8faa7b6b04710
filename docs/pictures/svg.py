"""Elements of the SVG pictures: one look, for light and for dark pages, with a title and a description for readers.

Each picture brings its own ground: it is shown as an image, which knows the theme of the system alone, and stays
readable where the page around it has the other one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape

STYLE = """\
  .ground { fill: #ffffff; stroke: #d5dae1 } text { fill: #1d242c; font: 14px Helvetica, Arial, sans-serif }
  .quiet { fill: #57606b } .key { font: 12.5px Menlo, Consolas, 'DejaVu Sans Mono', monospace; fill: #24527a }
  .head { font-weight: bold } .small { font-size: 12.5px } .middle { text-anchor: middle } .end { text-anchor: end }
  .line { fill: none; stroke: #57606b; stroke-width: 1.5 } .grid { stroke: #e4e8ed } .axis { stroke: #8a939e }
  .tip { fill: #57606b } .always { fill: #f2f4f7; stroke: #57606b; stroke-width: 1.5 }
  .option { fill: #e8f1fa; stroke: #2f6ea5; stroke-width: 1.5; stroke-dasharray: 5 3 }
  .state { fill: #fbf0d9; stroke: #9a6b12; stroke-width: 1.5 }
  .carried { fill: none; stroke: #9a6b12; stroke-width: 2 } .carried-tip { fill: #9a6b12 }
  .right { fill: #2f6ea5 } .wrong { fill: #b5442e } .pale { fill: #e2b3a8 }
  .allowed { stroke: #1d242c; stroke-width: 1.5 } .needed { stroke-dasharray: 5 3 }
  @media (prefers-color-scheme: dark) {
    .ground { fill: #171b20; stroke: #343b44 } text { fill: #e3e8ee } .quiet { fill: #a2acb8 } .key { fill: #93c3ee }
    .line { stroke: #a2acb8 } .grid { stroke: #2a3038 } .axis { stroke: #6f7a86 } .tip { fill: #a2acb8 }
    .always { fill: #242a31; stroke: #a2acb8 } .option { fill: #1c2c3c; stroke: #6fa8d8 }
    .state { fill: #352b17; stroke: #d8a648 } .carried { stroke: #d8a648 } .carried-tip { fill: #d8a648 }
    .right { fill: #6fa8d8 } .wrong { fill: #e5806a } .pale { fill: #6d3d33 } .allowed { stroke: #e3e8ee }
  }"""


def document(width: int, height: int, title: str, description: str, parts: Iterable[str]) -> str:
    """A whole picture, in units of one pixel."""
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
            f'height="{height}" role="img" aria-labelledby="title description">',
            f'<title id="title">{escape(title)}</title>',
            f'<desc id="description">{escape(description)}</desc>',
            f"<style>\n{STYLE}\n</style>",
            f'<rect class="ground" x="0.5" y="0.5" width="{width - 1}" height="{height - 1}" rx="8"/>',
            *parts,
            "</svg>\n",
        ]
    )


def text(x: float, y: float, words: str, style: str = "") -> str:
    """A line of text; `z_i`, `c_{t-1}` get their subscripts, `^` a superscript."""
    return f'<text x="{x:g}" y="{y:g}"{_class(style)}>{_scripts(escape(words, quote=False))}</text>'


def box(x: float, y: float, width: float, height: float, words: str, style: str) -> str:
    """A rectangle with words in its middle."""
    round_ = f' rx="{height / 2 if style == "state" else 4:g}"'
    return f'<rect class="{style}" x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}"{round_}/>\n' + text(
        x + width / 2, y + height / 2 + 5, words, "middle"
    )


def bar(x: float, y: float, width: float, height: float, style: str) -> str:
    """A filled rectangle."""
    return f'<rect class="{style}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"/>'


def line(points: Iterable[tuple[float, float]], style: str = "line") -> str:
    """A polyline."""
    return f'<polyline class="{style}" points="{" ".join(f"{x:g},{y:g}" for x, y in points)}"/>'


def arrow(points: list[tuple[float, float]], style: str = "line") -> str:
    """A polyline with a tip at its end; its last piece runs along one of the axes."""
    (x0, y0), (x, y) = points[-2:]
    along, down = (x > x0) - (x < x0), (y > y0) - (y < y0)
    back, side = 8, 4
    left = (x - along * back - down * side, y - down * back - along * side)
    right = (x - along * back + down * side, y - down * back + along * side)
    tip = " ".join(f"{px:g},{py:g}" for px, py in ((x, y), left, right))
    shaft = [*points[:-1], (x - along * back, y - down * back)]
    return f'{line(shaft, style)}\n<polygon class="{"carried-tip" if style == "carried" else "tip"}" points="{tip}"/>'


def _class(style: str) -> str:
    return f' class="{style}"' if style else ""


def _scripts(words: str) -> str:
    def script(found: re.Match[str]) -> str:
        sign, inside = found[1], found[2] or found[3]
        shift = 4 if sign == "_" else -5
        return f'<tspan dy="{shift}" font-size="75%">{inside}</tspan><tspan dy="{-shift}">\u200b</tspan>'

    return re.sub(r"(?<![A-Za-z_]{2})([_^])(?:\{([^}]*)\}|(\w))(?![A-Za-z])", script, words)
