"""The site: docs/*.md and the project's other Markdown, as they stand on GitHub, built by Sphinx.

    python -m pip install -c constraints.txt '.[docs]'
    sphinx-build -W --keep-going -b html -c docs . docs/_build

The source folder is the project's root, so that a link from a document to `../README.md` means the same here as there.
"""

import re
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
html_copy_source = False
html_show_sphinx = False
pygments_style = "default"
pygments_dark_style = "native"

ROOT = Path(__file__).parent.parent


def navigation(_app: Sphinx, docname: str, source: list[str]) -> None:
    """Give the table of contents a hidden `toctree` below each of its headings: the pages it links to, in order."""
    if docname != root_doc:
        return
    start, *sections = re.split(r"^## ", source[0], flags=re.MULTILINE)
    seen: set[str] = set()
    for number, section in enumerate(sections):
        title = section.partition("\n")[0]
        links = re.findall(r"\[([^]]+)\]\(([\w./-]+\.md)\)", section)
        pages = [f"{text} <{page}>" for text, page in links if not (page in seen or seen.add(page))]
        toctree = "\n".join(["```{toctree}", ":hidden:", f":caption: {title}", "", *pages, "```"])
        sections[number] = f"{section}\n{toctree}\n\n" if pages else section
    source[0] = "## ".join([start, *sections])


def folders(app: Sphinx, doctree: nodes.document) -> None:
    """Show the name alone where a document links to a folder: GitHub lists it, the site has no page for it."""
    for link in list(doctree.findall(pending_xref)):
        if link["reftype"] == "myst" and (ROOT / link["refdoc"]).parent.joinpath(link["reftarget"]).is_dir():
            link.replace_self(link.children)


def aliases(app: Sphinx, what: str, name: str, obj: object, options: object, *signature: str | None) -> tuple:
    """Print an alias of `autodoc_type_aliases` by its name inside a union, too, where Sphinx 9.0 prints its repr."""
    return tuple(part and re.sub(r"TypeAliasForwardRef\('(\w+)'\)", r"\1", part) for part in signature)


def setup(app: Sphinx) -> None:
    """Connect them."""
    app.connect("source-read", navigation)
    app.connect("doctree-read", folders)
    app.connect("autodoc-process-signature", aliases)
