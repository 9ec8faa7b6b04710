"""`conformance report`: turns results into reports for people and for other programs."""

from __future__ import annotations

from pathlib import Path

import click

from conformance.cli import options


@click.command()
@click.argument("files", nargs=-1, required=True, type=options.FILE, metavar="RESULTS...")
@click.option(
    "--format",
    "kind",
    type=click.Choice(["html", "markdown", "junit", "badge"]),
    default="html",
    show_default=True,
    help="html: a page. markdown: a summary for a CI log. junit: JUnit XML. badge: JSON for a shields.io badge.",
)
@click.option("-o", "--output", type=options.NEW_FILE, help="The file to write; html needs one.  [default: print it]")
@options.specs
@click.option("--mistakes", metavar="URL", help="Where docs/mistakes.md is published; the page links to it.")
def report(files: tuple[Path, ...], kind: str, output: Path | None, specs: Path, mistakes: str | None) -> None:
    """Make a report from one or more results files.

    Interrupted runs are reported as such.

    Exit code: 0, or 2 if a file cannot be read or written.
    """
    from conformance.case.load import load_specs
    from conformance.files import replace_file
    from conformance.report import badge, junit, markdown, page
    from conformance.report.content import Content
    from conformance.results.reading import read_results

    if kind == "html" and output is None:
        raise click.UsageError("--format html needs a file to write: give one with -o FILE")
    options.demand_other_file(output, files)
    cases = {case.id: case for case in load_specs(specs)} if kind != "badge" else {}
    content = Content([read_results(file) for file in files], cases)
    match kind:
        case "html":
            text = page.html(content, mistakes)
        case "markdown":
            text = markdown.markdown(content)
        case "junit":
            text = junit.junit(content)
        case _:
            text = badge.badge(content)
    if output is None:
        click.echo(text, nl=False)
        return
    replace_file(output, text)
    click.echo(f"{content.headline}; written to {output}")
