"""The worker process: holds one adapter and answers one case after the other.

    <- Load                  -> Started, then Loaded or NotLoaded
    <- Ask                   -> Computed, Refused or Raised
    ...                      until the channel is closed

The messages are in conformance.run.messages. The worker never sees a golden value. What the framework prints goes to
the log, not to the run's own output.
"""

from __future__ import annotations

import bdb
import contextlib
import gc
import os
import platform
import re
import sys
import time
import traceback
from pathlib import Path
from typing import Any, get_args

import numpy as np

from conformance.adapters import registry
from conformance.adapters.base import Adapter, EmptyRows, PaddedY
from conformance.adapters.capabilities import Capabilities
from conformance.adapters.harness import trace
from conformance.adapters.harness.errors import HarnessDied, HarnessFault
from conformance.case.dtypes import UNIT_ROUNDOFF
from conformance.case.errors import AdapterUnavailable, UnsupportedOption
from conformance.case.model import CHECKED, Case
from conformance.case.tensors import SENDABLE, Array, Arrays, from_bytes, to_bytes
from conformance.case.text import shortened, visible
from conformance.results.record import AdapterInfo
from conformance.run.confine import confine, end_like, end_others, ending_after, forget_output, limit_memory
from conformance.run.copies import CAME_BACK, Copies
from conformance.run.messages import (
    Answer,
    Ask,
    Computed,
    Load,
    Loaded,
    NotLoaded,
    Raised,
    Refused,
    Reply,
    Started,
    is_last,
    request_from,
    sendable,
    to_wire,
)
from conformance.run.variables import variables

_MOST_OTHERS = 5
_ALLOCATION = re.compile(r"(?i)out of memory|\bOOM\b|bad.?alloc|RESOURCE_EXHAUSTED|can.?t allocate|cannot allocate|"
                         r"failed to allocate|unable to allocate|can't start new thread")  # fmt: skip
"""How frameworks report that memory has run out."""


def serve(channel: Any) -> None:
    """Answer requests on an execnet channel until it is closed or memory has run out; then end the process.

    It ends immediately, because frameworks can take seconds to shut down with the interpreter.
    """
    try:
        _serve(channel)
    except Exception:  # a bug in the suite; text that cannot be encoded would never arrive
        raise RuntimeError(visible(traceback.format_exc(), lines=True)) from None
    os._exit(0)


def _serve(channel: Any) -> None:
    number, request = request_from(channel.receive())
    assert isinstance(request, Load)
    log, mark = confine()
    copies = Copies()

    def say(reply: Reply) -> None:
        channel.send(to_wire(number, reply))

    say(Started(os.getpid(), log, mark))
    adapter: Adapter | None = None
    try:
        try:
            adapter, loaded = _made(request, copies)
        except AdapterUnavailable as error:
            copies.end_if_copy()
            say(NotLoaded(str(error)))
            return
        say(loaded)
        gc.freeze()  # a framework's half a million objects stay, and to look at them each time takes a while
        for wire in channel:
            number, request = request_from(wire)
            assert isinstance(request, Ask)
            forget_output()
            with ending_after(request.timeout):
                told = _answer(adapter, request)
            copies.end_if_copy()
            if copies.came_back():
                told = Raised(CAME_BACK, seconds=told.seconds)
            say(told)
            if is_last(told):
                return  # such an error may have left anything half done
        with contextlib.suppress(Exception):
            adapter.close()
    except HarnessDied as error:
        print(f"the harness ended {error.doing}", file=sys.stderr, flush=True)
        end_like(error.code)
    finally:
        Path(log).unlink(missing_ok=True)
        end_others(mark)


def _made(request: Load, copies: Copies) -> tuple[Adapter, Loaded]:
    """The adapter, and the message that describes it.

    Raises:
        AdapterUnavailable: it cannot be made.
    """
    if request.memory is not None:
        limit_memory(request.memory)
    trace.into(None if request.trace is None else Path(request.trace))
    with ending_after(request.timeout):
        adapter = registry.make(request.adapter)
        info = describe(adapter, request.adapter)
    copies.end_if_copy()
    if copies.came_back():
        raise AdapterUnavailable(f"{adapter.name} cannot load: {CAME_BACK}")
    return adapter, Loaded(info.model_dump(), adapter.name, refusals(adapter), bool(adapter.alone))


def _answer(adapter: Adapter, request: Ask) -> Answer:
    try:
        return answer(adapter, request)
    except bdb.BdbQuit:  # there is no terminal to debug in
        return Raised("a breakpoint was reached; --in-process is for debuggers")
    except KeyboardInterrupt:  # the framework's own: Ctrl-C does not reach this process
        return Raised("KeyboardInterrupt", traceback.format_exc())


def describe(adapter: Adapter, label: str = "") -> AdapterInfo:
    """Describes the adapter and the place where it runs.

    Args:
        adapter: it.
        label: what it was made by; of a file of the user's, the digest is among the settings.

    Raises:
        AdapterUnavailable: the adapter does not state its versions or its device.
    """
    device = _read(adapter, "device", "the device that __init__ was given; call super().__init__(device) there")
    versions = _read(adapter, "versions", "a dict of each package that computes and its version")
    if not isinstance(versions, dict) or not all(isinstance(text, str) for pair in versions.items() for text in pair):
        raise AdapterUnavailable(
            f"{adapter.name}: versions is {shortened(repr(versions))}; it must be a dict from each package that "
            "computes to its version, both text, like {'acme-runtime': '1.0'}"
        )
    return AdapterInfo(
        versions=sendable(versions),
        device=sendable(str(device)),
        settings=sendable(_settings(adapter) | variables(os.environ) | registry.text_of(label)),
        python=platform.python_version(),
        machine=platform.machine(),
        processor=_processor(),
    )


def _read(adapter: Adapter, name: str, wanted: str) -> Any:
    try:
        return getattr(adapter, name)
    except Exception as error:
        problem = f"{adapter.name}: {name} cannot be read: {type(error).__name__}: {registry.said(error)}"
        raise AdapterUnavailable(f"{problem}; it must be {wanted}") from error


def _settings(adapter: Adapter) -> dict[str, str]:
    try:
        return {str(name): str(value) for name, value in adapter.settings.items()}
    except Exception as error:  # another version may have them elsewhere; its answers are still of use
        return {f"{adapter.name}.settings": f"cannot be read: {error!r}"}


def refusals(adapter: Adapter) -> str | None:
    """The adapter's capabilities in JSON, so that it does not have to be asked about the cases that they refuse.

    None if the adapter may decide in another way, or if they are not valid capabilities.
    """
    if type(adapter).run is not Adapter.run:
        return None
    try:
        if type(adapter.capabilities) is not Capabilities:
            return None
        text = adapter.capabilities.to_json()
        return text if Capabilities.from_json(text) == adapter.capabilities else None
    except Exception:  # they may be anything
        return None


def answer(adapter: Adapter, request: Ask) -> Answer:
    """The answer to one case; its `seconds` are the adapter's own.

    Raises:
        BdbQuit: the user has left the debugger.
        HarnessDied: the process that computes has ended.
    """
    case = Case.model_validate_json(request.case, context=CHECKED)
    arrays = Arrays.from_tensors(from_bytes(request.tensors))
    start = time.perf_counter()
    try:
        try:
            outputs = adapter.run(case, arrays.weights, arrays.inputs)
        finally:
            seconds = time.perf_counter() - start
        _demand_unchanged(arrays, request.tensors)
        arrays_out, strange = split(outputs, case)
        return Computed(to_bytes(arrays_out), strange, *_declared(adapter, case), seconds)
    except UnsupportedOption as error:
        return Refused(str(error), seconds)
    except (bdb.BdbQuit, KeyboardInterrupt, HarnessDied):
        raise
    except HarnessFault as error:
        return Raised(str(error), seconds=seconds, at_fault=True)
    # Whatever a framework raises is the outcome of this case and does not end the run. That includes sys.exit and Rust
    # panics, neither of which is an Exception.
    except BaseException as error:
        text = registry.said(error)
        out_of_memory = isinstance(error, MemoryError) or bool(_ALLOCATION.search(text))
        return Raised(f"{type(error).__name__}: {text}", traceback.format_exc(), seconds, out_of_memory)


def _demand_unchanged(arrays: Arrays, sent: bytes) -> None:
    """Checks the inputs, because NumPy's read-only flag does not stop C code that gets the memory.

    Raises:
        ValueError: the adapter, or the framework, has written into its inputs.
    """
    given = arrays.flat
    changed = [name for name, array in from_bytes(sent).items() if array.tobytes() != given[name].tobytes()]
    if changed:
        raise ValueError(f"the adapter changed what it was given: {', '.join(changed)}")


def _declared(adapter: Adapter, case: Case) -> tuple[str, str, str]:
    """The precision and the contracts for padded y and empty rows by which the adapter's answer is judged.

    Raises:
        ValueError: the suite knows no such precision or contract.
    """
    declared: dict[str, str] = {
        "precision": adapter.precision(case.dtype),
        "padded_y": adapter.padded_y(case),
        "empty_rows": adapter.empty_rows(case),
    }
    known = {"precision": tuple(UNIT_ROUNDOFF), "padded_y": get_args(PaddedY), "empty_rows": get_args(EmptyRows)}
    for name, allowed in known.items():
        if declared[name] not in allowed:
            raise ValueError(f"the adapter declares {name} {declared[name]!r}; allowed: {', '.join(allowed)}")
    return declared["precision"], declared["padded_y"], declared["empty_rows"]


def split(outputs: Any, case: Case) -> tuple[dict[str, Array], dict[str, str]]:
    """The requested outputs that are arrays of a known dtype, and a description of each that is not.

    If one is missing, the first of those that were not asked for are described, too: it may be there by another name.
    """
    if not isinstance(outputs, dict):
        raise TypeError(f"the adapter returned {type(outputs).__name__}; it must return a dict of arrays")
    arrays: dict[str, Array] = {}
    strange: dict[str, str] = {}
    for name in case.outputs:
        value = outputs.get(name)
        if name not in outputs:
            continue
        if not isinstance(value, np.ndarray):
            strange[name] = f"a {type(value).__name__}"
        elif value.dtype not in SENDABLE:
            strange[name] = f"an array of dtype {value.dtype}"
        else:
            arrays[name] = value
    if not case.outputs.keys() <= outputs.keys():
        others = [shortened(str(name)) for name in outputs if name not in case.outputs]
        strange |= dict.fromkeys(others[:_MOST_OTHERS], "not asked for")
    return arrays, strange


def _processor() -> str:
    """The name of the processor, which decides the kernels that a framework chooses."""
    try:
        lines = Path("/proc/cpuinfo").read_text(errors="replace").splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, "") or platform.processor()
