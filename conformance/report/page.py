"""The page: one HTML file that needs nothing else, not even a network."""

from __future__ import annotations

import base64
import hashlib
import re
from importlib import resources

from conformance import __version__
from conformance.case.errors import ConformanceError
from conformance.case.text import visible, visible_data
from conformance.report.columns import STATUSES, SURPRISES, WORDS, status_of
from conformance.report.content import Content
from conformance.report.data import NOISE_STEPS, noise_level, page_data
from conformance.results.shared.wording import statements

_SCRIPTS = (
    "uplot/uPlot.iife.min.js",
    "data.js",
    "address.js",
    "columns.js",
    "filters.js",
    "list.js",
    "plot.js",
    "panel.js",
    "views.js",
    "main.js",
)
_STYLES = ("uplot/uPlot.min.css", "page.css", "views.css", "panel.css")
_EARLY = "early.js"
_CAUSES_SHOWN, _CASES_SHOWN, _REASONS_SHOWN = 20, 10, 15


def html(content: Content, mistakes: str | None = None) -> str:
    """The whole page.

    mistakes: the address at which docs/mistakes.md is published, if it is.

    Raises:
        ConformanceError: the template engine is not installed.
    """
    demand_jinja()
    import jinja2
    from markupsafe import Markup

    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_asset),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    # The data is read by JSON.parse: no spaces, non-ASCII characters as they are; `tojson` escapes <, > and &.
    environment.policies["json.dumps_kwargs"] = {"separators": (",", ":"), "ensure_ascii": False, "allow_nan": False}
    environment.filters["web"] = web_address
    environment.filters["visible"] = visible
    environment.filters["statements"] = statements
    scripts, styles = ([_inline(name) for name in names] for names in (_SCRIPTS, _STYLES))
    data = visible_data(page_data(content, mistakes))  # the specs are the user's as well
    early = _inline(_EARLY)
    return environment.get_template("page.html.j2").render(
        content=content,
        data=data,
        mistakes=data["mistakes"],
        early=Markup(early),
        scripts=[Markup(text) for text in scripts],
        styles=[Markup(text) for text in styles],
        policy=_policy([early, *scripts], styles),
        statuses=STATUSES,
        surprises=SURPRISES,
        words=WORDS,
        level=noise_level,
        status_of=status_of,
        steps=NOISE_STEPS,
        version=__version__,
        causes_shown=_CAUSES_SHOWN,
        cases_shown=_CASES_SHOWN,
        reasons_shown=_REASONS_SHOWN,
    )


def demand_jinja() -> None:
    """Check that the template engine is here; what takes a while asks before it begins.

    Raises:
        ConformanceError: it is not installed.
    """
    try:
        import jinja2  # noqa: F401
    except ImportError as error:
        raise ConformanceError(
            "the HTML page needs Jinja: python -m pip install 'lstm-conformance[report]'; "
            "--format markdown, junit and badge do not need it"
        ) from error


def web_address(address: str | None) -> str | None:
    """The address if it is a web address, otherwise None; a results file may hold anything."""
    return address if address and re.match(r"https?://", address) else None


def _asset(name: str) -> str:
    return resources.files("conformance.report").joinpath("assets", name).read_text(encoding="utf-8")


def _inline(name: str) -> str:
    """A script or style that can be put into its element as it is."""
    text = _asset(name)
    if re.search(r"</(script|style)|<!--", text, re.IGNORECASE):
        raise AssertionError(f"{name} would end its own element")
    return text


def _policy(scripts: list[str], styles: list[str]) -> str:
    """The Content-Security-Policy: only these scripts and styles, by their digests, and no requests."""

    def digests(texts: list[str]) -> str:
        return " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(t.encode()).digest()).decode()}'" for t in texts)

    return (
        f"default-src 'none'; script-src {digests(scripts)}; style-src {digests(styles)}; "
        "base-uri 'none'; form-action 'none'"
    )
