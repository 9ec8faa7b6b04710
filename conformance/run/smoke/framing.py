"""The checks of a harness's frames (docs/harness.md#smoke), made in a process at the place where it runs.

They come before everything else: what a harness answers can be looked at only once it answers by the protocol.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from conformance.adapters import registry
from conformance.adapters.harness import trace
from conformance.adapters.harness.adapter import CommandAdapter
from conformance.adapters.harness.conversation import END_SECONDS
from conformance.adapters.harness.describe import asked
from conformance.adapters.harness.errors import EngineError, HarnessDied, ending
from conformance.case.errors import AdapterUnavailable, ConformanceError
from conformance.case.text import shortened
from conformance.run.confine import confine, end_others
from conformance.run.connection import END, CannotStart, Connection
from conformance.run.settings import RunSettings
from conformance.run.smoke.questions import Question, plain

_PROGRAM: Final = "from conformance.run.smoke.framing import serve\nserve(channel)\n"
_LAST_LINES: Final = 10
_UNKNOWN: Final = 1_000_000
"""A handle that no conversation here gets to."""


class _Wrong(Exception):
    """What a check has found."""


class _Checked:
    """A harness that is looked at: its class, and the adapter once it is made."""

    def __init__(self, name: str, device: str) -> None:
        self.name = name
        self.device = device
        self.kind: type[CommandAdapter] = CommandAdapter
        self.noise = b""
        self._adapter: CommandAdapter | None = None

    @property
    def adapter(self) -> CommandAdapter:
        """The adapter, made if there is none."""
        if self._adapter is None:
            self._adapter = self.kind(self.device)
        return self._adapter

    def demand_end(self, when: str) -> None:
        """Have the process of the adapter end at the end of its input; the next one is another.

        Raises:
            _Wrong: it does not, or not as it should.
        """
        adapter, self._adapter = self.adapter, None
        self.noise += adapter.conversation.noise
        code = adapter.conversation.close()
        if adapter.conversation.killed:
            raise _Wrong(f"{when} it did not end within {END_SECONDS:g} s")
        if code:
            raise _Wrong(f"{when} it ended with {ending(code)}, not with exit code 0")


def _describe(checked: _Checked) -> None:
    checked.kind = registry.load(checked.name)
    told = asked(checked.kind.words(), checked.kind.environment())
    if told != checked.kind.description:
        raise _Wrong("it prints something else than the file of its package has")


def _hello(checked: _Checked) -> None:
    if not checked.adapter.versions:
        raise _Wrong("it tells no versions")


def _answers(checked: _Checked) -> None:
    question = Question(plain(checked.kind.capabilities))
    outputs = checked.adapter.prepare(question.case, question.arrays.weights)(question.arrays.inputs)
    for name, shape in question.case.outputs.items():
        if name not in outputs:
            raise _Wrong(f"the answer has no {name}; it has {shortened(', '.join(outputs))}")
        if outputs[name].shape != shape:
            raise _Wrong(f"{name} has shape {outputs[name].shape}, not {shape}")


def _handles(checked: _Checked) -> None:
    question = Question(plain(checked.kind.capabilities))
    weights, inputs = question.arrays.weights, question.arrays.inputs
    first = checked.adapter.prepare(question.case, weights)
    its = checked.adapter.handles
    before = first(inputs)
    second = checked.adapter.prepare(question.case, weights.mapped(lambda array: array / 2))
    halved, after = second(inputs), first(inputs)
    if any(before[name].tobytes() != after[name].tobytes() for name in before):
        raise _Wrong("a layer answers differently after another one was prepared")
    if all(before[name].tobytes() == halved[name].tobytes() for name in before):
        raise _Wrong("two layers with different weights give the same answer")
    ask = checked.adapter.conversation.ask
    if ask("call", handle=_UNKNOWN, most=_UNKNOWN)[0].op != "error":
        raise _Wrong("a call with a handle that never was is not answered with an error")
    if ask("drop", handle=its)[0].op != "ok":
        raise _Wrong("drop is answered with an error")
    with contextlib.suppress(EngineError):
        first(inputs)
        raise _Wrong("a call with a handle that was dropped is not answered with an error")
    second(inputs)


def _stop(checked: _Checked) -> None:
    checked.adapter.conversation.ask("stop")
    try:
        checked.adapter.conversation.ask("hello")
        raise _Wrong("after stop it answers as before")
    except HarnessDied:
        pass
    checked.demand_end("after stop")


def _end_of_input(checked: _Checked) -> None:
    _answers(checked)
    checked.demand_end("at the end of its input")


def _noise(checked: _Checked) -> None:
    if checked.noise:
        raise _Wrong(f"it printed beside its frames: {shortened(checked.noise.decode(errors='replace'))}")


_CHECKS: Final[dict[str, tuple[Callable[[_Checked], None], str, str]]] = {
    "frames/describe": (_describe, "what --describe prints", "docs/harness.md#describe"),
    "frames/hello": (_hello, "the engine loads", "docs/harness.md#hello"),
    "frames/answers": (_answers, "the plainest case is answered", "docs/harness.md#requests"),
    "frames/handles": (_handles, "two layers at a time, and none that was dropped", "keep layers by their handle"),
    "frames/stop": (_stop, "stop is answered, and ends it", "docs/harness.md#stop"),
    "frames/end-of-input": (
        _end_of_input,
        "the end of its input ends it",
        "end with exit code 0 when there is nothing left to read",
    ),
    "frames/noise": (_noise, "nothing else on standard output", "give standard output to the frames alone"),
}
CHECKS: Final = tuple(_CHECKS)
_GO_ON: Final = "have it go on and answer; --trace FILE shows the request that it did not answer"
"""The remedy where it is not what the check looks at that is wrong."""
TOLERATED: Final = ("frames/noise",)
"""What a run skips and a smoke only tells."""


def about(check: str) -> str:
    """What a check looks at."""
    return _CHECKS[check][1]


def problems(adapter: str, settings: RunSettings) -> Iterator[tuple[str, str, str]]:
    """Each check with what is wrong, empty if nothing is, and the remedy; the first that fails is the last.

    Args:
        adapter: the label of a harness.
        settings: its places, and the times that loading and an answer may take.

    Raises:
        AdapterUnavailable: no process can be started there.
    """
    label = registry.parse(adapter)
    place = settings.place_of(adapter)
    connection = Connection(place, _PROGRAM)
    connection.send({"name": label.here, "device": label.device, "trace": settings.trace_at(place)})
    try:
        connection.open()
        connection.wait_until_started(settings.load_timeout)
        seconds = settings.load_timeout
        deadline = time.monotonic() + seconds
        for check in ("", *CHECKS):
            came, told = connection.receive(deadline)
            if came > deadline:
                printed = connection.kill()
                said = f"; it last printed:\n{printed}" if printed else ""
                yield check or CHECKS[0], f"no answer within {seconds:g} s{said}", _remedy(check, gone=True)
                return
            if told is END or not isinstance(told, dict):
                yield check or CHECKS[0], f"the process that checks it ended: {connection.last_words()}", _GO_ON
                return
            if not check:
                connection.known_as(**told)
                continue
            yield check, told["problem"], _remedy(check, gone=told["gone"])
            if told["problem"] and check not in TOLERATED:
                return
            seconds = settings.load_timeout if check == "frames/describe" else settings.timeout
            deadline = time.monotonic() + seconds
    except CannotStart as error:
        raise AdapterUnavailable(f"{adapter}: {error}") from error
    finally:
        connection.close(at_work=True)


def serve(channel: Any) -> None:
    """Make the checks and send what is wrong; runs at the place."""
    asked_for = channel.receive()
    log, mark = confine()
    channel.send({"pid": os.getpid(), "log": log, "mark": mark})
    trace.into(asked_for["trace"] and Path(asked_for["trace"]))
    checked = _Checked(asked_for["name"], asked_for["device"])
    try:
        for check, *_ in _CHECKS.values():
            problem, gone = "", False
            try:
                check(checked)
            except (_Wrong, ConformanceError) as error:
                problem, gone = str(error), isinstance(error, HarnessDied)
            except Exception as error:  # an engine's
                problem = f"{type(error).__name__}: {registry.said(error)}"
            channel.send({"problem": problem + (_said(log) if problem else ""), "gone": gone})
    finally:
        with contextlib.suppress(OSError):
            Path(log).unlink()
        end_others(mark)
    os._exit(0)


def _remedy(check: str, *, gone: bool) -> str:
    """gone: whether there was no answer that could be looked at."""
    remedy = _CHECKS[check or CHECKS[0]][2]
    return _GO_ON if gone and not remedy.startswith("docs/") else remedy


def _said(log: str) -> str:
    lines = Path(log).read_text(errors="replace").splitlines()[-_LAST_LINES:]
    return "\nit printed:\n" + "\n".join(lines) if lines else ""
