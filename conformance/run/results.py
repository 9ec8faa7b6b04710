"""The results file: JSON lines, written as the results come, so that an interrupted run leaves what it had.

{"kind": "header", "suite": ..., "vectors": digest of the manifest, "machine": ..., "adapters": {...}}
{"kind": "result", "case": ..., "adapter": ..., "outcome": ..., "noise": ..., ...}
{"kind": "footer", "results": how many}
"""

from __future__ import annotations

import json
import platform
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from conformance import __version__
from conformance.run.result import Result


class ResultsFile:
    """A results file being written; as a context manager it ends with a footer, unless an exception leaves it."""

    def __init__(self, path: Path, vectors: str, adapters: dict[str, dict[str, str]]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("w", encoding="utf-8")
        self._count = 0
        self._write(
            {
                "kind": "header",
                "suite": __version__,
                "vectors": vectors,
                "python": platform.python_version(),
                "machine": f"{platform.system()} {platform.machine()}",
                "adapters": adapters,
            }
        )

    def add(self, result: Result) -> None:
        """Append one result and flush it."""
        self.add_line(result.to_json())

    def add_line(self, line: dict[str, Any]) -> None:
        """Append a result that is `Result.to_json` already."""
        self._count += 1
        self._write({"kind": "result"} | line)

    def close(self, *, complete: bool) -> None:
        """End the file; only a complete run's has a footer."""
        if complete:
            self._write({"kind": "footer", "results": self._count})
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close(complete=kind is None)

    def _write(self, line: dict[str, Any]) -> None:
        self._file.write(json.dumps(line, allow_nan=False) + "\n")
        self._file.flush()
