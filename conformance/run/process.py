"""The near end of a worker: starts its process, asks it, notices when it is gone or silent."""

from __future__ import annotations

import contextlib
import os
import signal
import tempfile
from pathlib import Path
from typing import Any

import execnet

from conformance.adapters import registry
from conformance.case.errors import AdapterUnavailable
from conformance.case.model import Case
from conformance.case.tensors import Arrays, to_bytes

START_SECONDS = 300.0
_TAIL_LINES = 20
_BOOTSTRAP = "from conformance.run.worker import serve\nserve(channel)\n"


class WorkerDied(Exception):
    """The process ended; the text is the tail of what it last printed."""


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
        self._log = tempfile.NamedTemporaryFile(prefix="conformance-", suffix=".log", delete=False)
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
        gateway = self._group.makegateway("popen")
        self._channel = gateway.remote_exec(_BOOTSTRAP)
        self._channel.send({"adapter": self.adapter, "log": self._log.name})
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
        try:
            self._channel.send({"case": case.model_dump_json(), "tensors": to_bytes(arrays.flat)})
        except OSError as error:
            raise WorkerDied(self._tail()) from error
        return self._receive(timeout)

    def close(self) -> None:
        """End the process and remove its log."""
        with contextlib.suppress(OSError):
            if self._channel is not None:
                self._channel.close()
        self._group.terminate(timeout=2.0)
        self._log.close()
        Path(self._log.name).unlink(missing_ok=True)

    def _receive(self, timeout: float) -> dict[str, Any]:
        try:
            reply: dict[str, Any] = self._channel.receive(timeout)
        except self._channel.TimeoutError as error:
            self._kill()
            raise WorkerSilent from error
        except (EOFError, self._channel.RemoteError) as error:
            raise WorkerDied(self._tail() or str(error)) from error
        return reply

    def _kill(self) -> None:
        if self._pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)

    def _tail(self) -> str:
        text = Path(self._log.name).read_text(errors="replace")
        return "\n".join(text.splitlines()[-_TAIL_LINES:])
