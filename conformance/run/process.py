"""The near end of a worker: starts its process, asks it, notices when it is gone or silent."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import execnet

from conformance.adapters import registry
from conformance.case.errors import AdapterUnavailable
from conformance.case.model import Case
from conformance.case.tensors import Arrays, to_bytes

START_SECONDS = 300.0
_EXIT_SECONDS = 5.0
_TAIL_LINES = 20
_BOOTSTRAP = "from conformance.run.worker import serve\nserve(channel)\n"


class WorkerDied(Exception):
    """The process ended; the text's first line says how, the others are the tail of what it printed."""


class WorkerSilent(Exception):
    """No answer within the time allowed; the process has been killed."""


class Worker:
    """One adapter in one process.

    Raises:
        AdapterUnavailable: the adapter cannot be made there.
    """

    def __init__(self, adapter: str) -> None:
        registry.check(adapter)
        self.adapter = adapter
        handle, log = tempfile.mkstemp(prefix="conformance-", suffix=".log")
        os.close(handle)
        self._log = Path(log)
        self._group = execnet.Group()
        self._pid: int | None = None
        self._channel: Any = None
        try:
            self._start()
        except BaseException:
            self.close()
            raise

    def _start(self) -> None:
        # Workers set their own thread counts and environment; this process's stays as it is.
        self._gateway = self._group.makegateway("popen")
        self._channel = self._gateway.remote_exec(_BOOTSTRAP)
        self._channel.send({"adapter": self.adapter, "log": str(self._log)})
        try:
            reply = self._receive(START_SECONDS)
        except WorkerDied as error:
            raise AdapterUnavailable(f"{self.adapter}: the worker ended while it loaded: {error}") from error
        except WorkerSilent as error:
            raise AdapterUnavailable(f"{self.adapter}: did not load within {START_SECONDS:g} s") from error
        if "unavailable" in reply:
            raise AdapterUnavailable(reply["unavailable"])
        self._pid = reply["pid"]
        self.versions: dict[str, str] = reply["versions"]
        self.device: str = reply["device"]

    def ask(self, case: Case, arrays: Arrays, timeout: float) -> dict[str, Any]:
        """The worker's answer to a case (conformance.run.worker.answer).

        Raises:
            WorkerDied, WorkerSilent: this worker is of no more use.
        """
        os.truncate(self._log, 0)  # what it printed for the cases before is of no more use
        try:
            self._channel.send({"case": case.model_dump_json(), "tensors": to_bytes(arrays.flat)})
        except OSError as error:
            raise WorkerDied(self._last_words()) from error
        return self._receive(timeout)

    def close(self) -> None:
        """End the process and remove its log."""
        with contextlib.suppress(OSError):
            if self._channel is not None:
                self._channel.close()
        self._group.terminate(timeout=2.0)
        self._log.unlink(missing_ok=True)

    def _receive(self, timeout: float) -> dict[str, Any]:
        try:
            reply: dict[str, Any] = self._channel.receive(timeout)
        except self._channel.TimeoutError as error:
            self._kill()
            raise WorkerSilent from error
        except self._channel.RemoteError as error:
            raise WorkerDied(f"an error in the worker\n{error}") from error
        except EOFError as error:
            raise WorkerDied(self._last_words()) from error
        return reply

    def _kill(self) -> None:
        if self._pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)

    def _last_words(self) -> str:
        status = self._exit_status()  # first, for a process may print up to its end
        text = self._log.read_text(errors="replace")
        return "\n".join([status, *text.splitlines()[-_TAIL_LINES:]])

    def _exit_status(self) -> str:
        popen = self._gateway._io.popen  # execnet has no public way to learn how a process ended
        try:
            code = popen.wait(_EXIT_SECONDS)
        except subprocess.TimeoutExpired:
            return "its connection closed"
        return f"exit code {code}" if code >= 0 else signal.strsignal(-code) or f"signal {-code}"
