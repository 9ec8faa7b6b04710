"""`conformance smoke`: checks that an adapter is sound, before any golden value is compared."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import click

from conformance.cli import options

if TYPE_CHECKING:
    from conformance.run.settings import RunSettings


@click.command()
@click.argument("adapter", metavar="[PLACE:]ADAPTER[@DEVICE]|FILE.py:CLASS|command:PATH")
@click.option("--check", "patterns", multiple=True, metavar="GLOB", help="Only checks whose id matches; repeatable.")
@options.worker
@options.deviations
@options.harnesses
@options.timeout
@options.load_timeout
@options.as_json
@click.option("-v", "--verbose", is_flag=True, help="Print every check, not only the groups.")
@options.trace
@options.settings
def smoke(
    adapter: str,
    patterns: tuple[str, ...],
    settings: RunSettings,
    as_json: bool,
    verbose: bool,
) -> None:
    """Check that an adapter is sound, to tell a broken adapter from a wrong framework.

    Every option that it declares, every tensor and every gate of a tensor must change the answer. How rows are batched,
    how the work is split into calls and how lengths are passed must not.

    Exit code: 0 all is well, 1 a check failed and no known deviation explains it, 2 the adapter could not be checked.
    """
    from dataclasses import asdict

    from conformance.adapters import registry
    from conformance.results.deviations import load_deviations
    from conformance.run.smoke import Smoke
    from conformance.views import smoke as view

    known = load_deviations(settings.deviations, registry.parse(adapter).name)
    checks = Smoke(adapter, known, patterns, settings)
    findings = []
    with options.progress() as progress:
        task = progress.add_task("smoke", total=len(checks.checks))
        for finding in checks.findings():
            findings.append(finding)
            progress.advance(task)
    if as_json:
        listed = [asdict(finding) for finding in findings]
        click.echo(json.dumps({"adapter": adapter, "versions": checks.told_versions, "findings": listed}, indent=1))
    else:
        lines = [view.each(finding) for finding in findings] if verbose else view.groups(findings)
        click.echo("\n".join(lines))
        for message in view.messages(findings):
            click.echo(f"\n{message}")
        click.echo(f"\n{adapter}: {len(findings)} checks: {view.total(findings)}")
    sys.exit(1 if any(finding.outcome == "failed" for finding in findings) else 0)
