"""Shared by the tests of commands: running one in this process, and reading a row of its matrix."""

from typing import Any

from click.testing import CliRunner, Result

from conformance.cli import main


def conformance(*arguments: Any) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def matrix_row(output: str, family: str) -> list[str]:
    """The cells of one row, without the lines around them."""
    row = next(line for line in output.splitlines() if line.startswith(f"│{family} "))
    return [cell.strip() for cell in row.strip("│").split("│")]
