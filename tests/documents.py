"""Reads the documents: their fenced blocks, the commands and files in them, and the commands of the CI files.

The word after the three backticks gives the kind of a block:

sh          commands, in order; those of this project are run (tests/end_to_end/test_documented_commands.py), and each
            must end with 0, or with the exit code in its comment: `# exit code 1`
python, toml, yaml
            a file, if the first line is a comment with its name
text, json  what is printed or written; never run

docs/specs.md explains its own kinds of block.
"""

import itertools
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import yaml

ROOT = Path(__file__).parents[1]
DOCUMENTS = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "examples").glob("*/README.md")),
]
SPECS, ADAPTERS, FAILURE = (ROOT / "docs" / name for name in ("specs.md", "adapters.md", "reading-a-failure.md"))
CI_FILES = sorted((ROOT / "examples" / "ci").rglob("*.yml"))
FENCE = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_EXPRESSION = re.compile(r"\$\{\{ matrix\.(\w+) \}\}")
_VARIABLE = re.compile(r"\$(\w+)")
_EXIT_CODE = re.compile(r"# exit code (\d)")


class Command(NamedTuple):
    """A line of shell, and the exit code that it must have."""

    line: str
    code: int


def blocks(path: Path, kind: str) -> list[str]:
    """The fenced blocks of one kind."""
    return [text for found, text in FENCE.findall(path.read_text()) if found == kind]


def prose(path: Path) -> str:
    """A document without its fenced blocks, code spans and comments."""
    return re.sub(r"`[^`\n]*`|<!--.*?-->", "", FENCE.sub("", path.read_text()), flags=re.DOTALL)


def files(path: Path) -> Iterator[tuple[str, str]]:
    """Name and text of those blocks of a document that are files."""
    for kind in ("python", "toml", "yaml"):
        for text in blocks(path, kind):
            if name := re.match(r"# ([\w./-]+\.\w+)\n", text):
                yield name[1], text


def shell(path: Path) -> list[Command]:
    """The commands of a document's sh blocks, or of a CI file's steps, in order."""
    texts = ci_steps(yaml.safe_load(path.read_text())) if path in CI_FILES else blocks(path, "sh")
    return [command for text in texts for command in _lines(text)]


def _lines(text: str) -> Iterator[Command]:
    for line in text.replace("\\\n", " ").splitlines():
        code = _EXIT_CODE.search(line)
        if shlex.split(line, comments=True):
            yield Command(line.strip(), int(code[1]) if code else 0)


def ci_steps(pipeline: dict) -> Iterator[str]:
    """The shell commands of a GitHub workflow or a GitLab pipeline, job by job, each as often as it runs."""
    for name, job in pipeline.get("jobs", pipeline).items():
        if "steps" in job:
            for chosen in _members(job.get("strategy", {}).get("matrix", {})):
                for step in job["steps"]:
                    yield _EXPRESSION.sub(lambda found, chosen=chosen: str(chosen[found[1]]), step.get("run", ""))
        elif "script" in job and not name.startswith("."):
            times = job.get("parallel", 1)
            for index in range(1, times + 1):
                variables = job.get("variables", {}) | {"CI_NODE_INDEX": index, "CI_NODE_TOTAL": times}
                yield _VARIABLE.sub(lambda found, v=variables: str(v.get(found[1], found[0])), "\n".join(job["script"]))


def _members(matrix: dict[str, list]) -> list[dict[str, object]]:
    return [dict(zip(matrix, values, strict=True)) for values in itertools.product(*matrix.values())]
