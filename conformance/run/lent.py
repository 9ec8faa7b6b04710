"""Lends this suite, as it is installed here, to an interpreter that has its requirements but not the suite itself.

The environment of an engine holds packages alone: the suite there is always the one that runs here, also after this one
has been upgraded or edited, and two checkouts share an environment. `program` is the beginning of a worker's program.
"""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

import conformance
from conformance.engines.requirements import DISTRIBUTION

_PROGRAM = """
def lend(package, name, files):
    import importlib.metadata, importlib.util, os, sys

    class Lent(importlib.metadata.Distribution):
        def read_text(self, filename):
            return files.get(filename)
        def locate_file(self, path):
            return os.path.join(os.path.dirname(package), path)

    class Finder(importlib.metadata.DistributionFinder):
        def find_spec(self, module, path, target=None):
            if module != "conformance":
                return None
            start = os.path.join(package, "__init__.py")
            return importlib.util.spec_from_file_location(module, start, submodule_search_locations=[package])
        def find_distributions(self, context=importlib.metadata.DistributionFinder.Context()):
            if context.name is None or context.name.replace("_", "-").lower() == name:
                yield Lent()

    sys.meta_path.insert(0, Finder())
"""


def program() -> str:
    """A Python program after which `import conformance` gives this package, with its metadata and entry points."""
    metadata = importlib.metadata.distribution(DISTRIBUTION)
    files = {name: metadata.read_text(name) or "" for name in ("METADATA", "entry_points.txt")}
    package = str(Path(conformance.__file__).parent)
    return f"{_PROGRAM}\nlend({package!r}, {DISTRIBUTION!r}, {files!r})\n"
