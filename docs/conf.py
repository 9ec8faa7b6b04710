"""The site: docs/*.md and the project's other Markdown, as they stand on GitHub, built by Sphinx.

    python -m pip install -c constraints.txt '.[docs]'
    sphinx-build -W --keep-going -b html -c docs . docs/_build

The source folder is the project's root, so that a link from a document to `../README.md` means the same here as there.
"""

import dataclasses
import re
from html import escape
from pathlib import Path

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx

from conformance import __version__

project = "lstm-conformance"
author = "the authors of lstm-conformance"
project_copyright = f"{author}; Apache 2.0"
version = release = __version__
root_doc = "docs/index"
include_patterns = ["docs/*.md", "README.md", "CONTRIBUTING.md", "CHANGELOG.md", "examples/*/README.md"]
exclude_patterns = [".*", "docs/_build"]

# Links and anchors of the documents are strict as they are; `nitpicky` would ask for pages of NumPy's types, too.
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
default_role = "code"  # docstrings write `x` for code, as the documents do
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_typehints_format = "short"
autodoc_type_aliases = {name: name for name in ("Array", "Outputs", "Model", "Precision", "PaddedY", "EmptyRows")}
python_maximum_signature_line_length = 100
myst_heading_anchors = 4  # those that GitHub makes

html_theme = "furo"
html_title = f"lstm-conformance {__version__}"
html_extra_path = ["site"]
html_static_path = ["static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
pygments_style = "default"
pygments_dark_style = "native"

ROOT = Path(__file__).parent.parent
FORMULAS = {"docs/equations", "docs/noise-units"}
"""The documents whose indented blocks are formulas, one on each line."""
SCRIPT = re.compile(r"(\b(?:d?[A-Za-z]|\d+)|(?<=_\w))([_^])({[^}]*}|-?\d+|-?[A-Za-z](?:,[A-Za-z])*)(?!\w)")
"""A letter or number with a subscript or superscript, in prose."""


def navigation(_app: Sphinx, docname: str, source: list[str]) -> None:
    """Give each table of pages a hidden `toctree` under the heading above it: the pages it begins its rows with."""
    if docname != root_doc:
        return
    start, *sections = re.split(r"^## ", source[0], flags=re.MULTILINE)
    seen: set[str] = set()
    for number, section in enumerate(sections):
        title = section.partition("\n")[0]
        links = re.findall(r"^\| \[([^]]+)\]\(([\w./-]+\.md)\)", section, re.MULTILINE)
        pages = [f"{text} <{page}>" for text, page in links if not (page in seen or seen.add(page))]
        toctree = "\n".join(["```{toctree}", ":hidden:", f":caption: {title}", "", *pages, "```"])
        sections[number] = f"{section}\n{toctree}\n\n" if pages else section
    source[0] = "## ".join([start, *sections])


def folders(app: Sphinx, doctree: nodes.document) -> None:
    """Show the name alone where a document links to a folder: GitHub lists it, the site has no page for it."""
    for link in list(doctree.findall(pending_xref)):
        if link["reftype"] == "myst" and (ROOT / link["refdoc"]).parent.joinpath(link["reftarget"]).is_dir():
            link.replace_self(link.children)


def formulas(app: Sphinx, doctree: nodes.document) -> None:
    """Set the formulas as such, so that each part of one that is too long for a narrow page goes to the next line."""
    if app.env.docname in FORMULAS:
        for block in list(doctree.findall(nodes.literal_block)):
            if block.get("language", "none") in {"none", "default"}:
                lines = "".join(map(_formula, block.astext().splitlines()))
                block.replace_self(nodes.raw("", f'<div class="formulas">{lines}</div>', format="html"))


def scripts(app: Sphinx, doctree: nodes.document) -> None:
    """Set `c_{t-1}`, `W_k` and `2^-24` in the prose of these documents with subscripts and superscripts."""
    if app.env.docname not in FORMULAS:
        return
    for text in list(doctree.findall(nodes.Text)):
        if not isinstance(text.parent, nodes.literal | nodes.literal_block | nodes.raw | nodes.title):
            before, *found = SCRIPT.split(text)
            pieces: list[nodes.Node] = [nodes.Text(before)]
            for base, sign, script, after in zip(*(found[n::4] for n in range(4)), strict=True):
                kind = nodes.subscript if sign == "_" else nodes.superscript
                plain = script.strip("{}").replace("-", "\N{MINUS SIGN}")
                pieces += [nodes.Text(base), kind("", plain), nodes.Text(after)]
            if found:
                text.parent.replace(text, pieces)


def _formula(line: str) -> str:
    """A line of parts that stand two or more spaces apart, the last of which may be its number."""
    *parts, last = re.split(r"\s{2,}", line.strip())
    number = re.fullmatch(r"\((\d+)\)", last)
    spans = [f"<span>{_mathematics(part)}</span>" for part in (parts if number else [*parts, last])]
    if number:
        spans.append(f'<a class="number" href="#equation-{number[1]}">{last}</a>')
    name = f' id="equation-{number[1]}"' if number else ""
    return f'<p class="formula"{name}>{"".join(spans)}</p>'


def _mathematics(text: str) -> str:
    """Names of one letter in italics, `z_k` and `c_{t-1}` with subscripts, `e^z` and `e^(z_k)` with superscripts."""
    text = re.sub(
        r"(?<=\s)-(?=\s)|(?<=[\s({,])-(?=\w)|(?<=t)-(?=1})|(?<=\^)-", "\N{MINUS SIGN}", escape(text, quote=False)
    )
    text = re.sub(r"\b(d?[A-Za-z]|logits)_(?:{([^}]*)}|(\w(?:,\w)*))", _subscript, text)
    text = re.sub(
        r"\^\(((?:[^()]|<[^>]*>)*)\)|\^(\N{MINUS SIGN}?\d+|\w)",
        lambda found: f"<sup>{found[1] or found[2]}</sup>",
        text,
    )
    return re.sub(r"(?<![\w<>/&=-])(d?[A-Za-z])(?![\w>=-])", r"<i>\1</i>", text)


def _subscript(found: re.Match[str]) -> str:
    return f"{found[1]}<sub>{found[2] or found[3]}</sub>"


def aliases(app: Sphinx, what: str, name: str, obj: object, options: object, *signature: str | None) -> tuple:
    """Print an alias of `autodoc_type_aliases` by its name inside a union, too, where Sphinx 9.0 prints its repr."""
    return tuple(part and re.sub(r"TypeAliasForwardRef\('(\w+)'\)", r"\1", part) for part in signature)


def fields_alone(
    app: Sphinx, what: str, name: str, obj: object, options: object, *signature: str | None
) -> tuple[str | None, ...]:
    """A dataclass that is a table (conformance.case.tensor_table) by its fields, without the rows of the table."""
    if not dataclasses.is_dataclass(obj) or "Annotated" not in str(obj.__annotations__):
        return signature
    names = (f.name if f.default is dataclasses.MISSING else f"{f.name}={f.default!r}" for f in dataclasses.fields(obj))
    return f"({', '.join(names)})", signature[1]


def setup(app: Sphinx) -> None:
    """Connect them."""
    app.connect("source-read", navigation)
    app.connect("doctree-read", folders)
    app.connect("doctree-read", formulas)
    app.connect("doctree-read", scripts)
    app.connect("autodoc-process-signature", fields_alone)
    app.connect("autodoc-process-signature", aliases)
