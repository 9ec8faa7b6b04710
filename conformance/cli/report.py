"""`conformance report`: results for people to read, and for other programs."""

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
    help="A page; a summary for a CI log; JUnit XML; a badge (shields.io endpoint JSON).",
)
@click.option("-o", "--output", type=options.NEW_FILE, help="The file to write; a page needs one.  [default: print it]")
@options.specs
@click.option("--mistakes", metavar="URL", help="Where docs/mistakes.md is published; the page leads there.")
def report(files: tuple[Path, ...], kind: str, output: Path | None, specs: Path, mistakes: str | None) -> None:
    """Report on one or several results files.

    Runs that were interrupted are reported as such. Exit code: 0, or 2 where a file cannot be read.
    """
    from conformance.case.load import load_specs
    from conformance.files import replace_file
    from conformance.report import badge, junit, markdown, page
    from conformance.report.content import Content
    from conformance.results.reading import read_results

    if kind == "html" and output is None:
        raise click.UsageError("a page is for a browser: give the file to write with -o FILE")
    content = Content([read_results(file) for file in files])
    match kind:
        case "html":
            text = page.html(content, {case.id: case for case in load_specs(specs)}, mistakes)
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
