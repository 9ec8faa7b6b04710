"""Runs scripts in forks of a process that has imported their packages: TensorFlow takes longer to import than most run.

A fork has what importing left, and nothing of the scripts before it. Threads would be lost in it; importing starts none
but those of a BLAS, which starts them again.
"""

from __future__ import annotations

import importlib
import json
import os
import runpy
import signal
import subprocess
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Self

_LONGEST = 300
"""Seconds a script may take; then its exit code is that of SIGALRM."""


class Preloaded:
    """A process that has imported packages, and runs scripts that begin as if nobody had."""

    def __init__(self, packages: Sequence[str], environment: dict[str, str]) -> None:
        words = [sys.executable, __file__, *packages]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(words, env=os.environ | environment, stdin=pipe, stdout=pipe, text=True)

    def run(self, script: Path, output: Path) -> int:
        """The exit code of a script, which runs in its folder and writes into the file `output`."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([str(script), str(output)]) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, "the process that imported the packages has ended"
        return int(answer)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()


def _serve() -> None:
    for package in sys.argv[1:]:
        importlib.import_module(package)
    for line in sys.stdin:
        script, output = map(Path, json.loads(line))
        child = os.fork()
        if child == 0:
            _become(script, output)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def _become(script: Path, output: Path) -> None:
    """Run a script and end with its exit code."""
    code = 1
    signal.alarm(_LONGEST)
    try:
        file = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        for stream in (1, 2):
            os.dup2(file, stream)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.chdir(script.parent)
        sys.path[0], sys.argv = str(script.parent), [str(script)]
        runpy.run_path(str(script), run_name="__main__")
        code = 0
    except SystemExit as ended:
        if isinstance(ended.code, str):
            print(ended.code, file=sys.stderr)
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    _serve()
