"""The far end: runs in a process of its own, holds one adapter, answers one case at a time.

    <- {adapter, log}                        -> {pid, versions, device} or {unavailable}
    <- {case (JSON), tensors (safetensors)}  -> {answer, ...}, see `answer`
    ...                                      until the channel is closed

The worker never sees a golden value. What the framework prints goes to the log, not into the run's own output.
"""

from __future__ import annotations

import faulthandler
import os
import time
import traceback
from typing import Any, get_args

import numpy as np

from conformance.adapters import registry
from conformance.adapters.base import Adapter, EmptyRows, PaddedY
from conformance.case.dtypes import UNIT_ROUNDOFF
from conformance.case.errors import AdapterUnavailable, UnsupportedOption
from conformance.case.model import Case
from conformance.case.tensors import SENDABLE, Array, Arrays, from_bytes, to_bytes

Message = dict[str, Any]


def serve(channel: Any) -> None:
    """Answer requests on an execnet channel until it is closed."""
    request: Message = channel.receive()
    _redirect(request["log"])
    try:
        adapter = registry.make(request["adapter"])
    except AdapterUnavailable as error:
        channel.send({"unavailable": str(error)})
        return
    channel.send({"pid": os.getpid(), "versions": adapter.versions, "device": adapter.device})
    for request in channel:
        channel.send(answer(adapter, request))


def answer(adapter: Adapter, request: Message) -> Message:
    """One case's answer.

    `outputs` (safetensors bytes), `strange` (name -> what was returned instead of an array), `padded_y`,
    `empty_rows`, `precision`, `seconds`; or `unsupported`, the reason; or `raised` and `traceback`.
    """
    case = Case.model_validate_json(request["case"])
    arrays = Arrays.from_tensors(from_bytes(request["tensors"]))
    start = time.perf_counter()
    try:
        outputs = adapter.run(case, arrays.weights, arrays.inputs)
        seconds = time.perf_counter() - start
        sendable, strange = _split(outputs)
        return {"outputs": to_bytes(sendable), "strange": strange, "seconds": seconds} | _declared(adapter, case)
    except UnsupportedOption as error:
        return {"unsupported": str(error)}
    except (Exception, SystemExit) as error:  # whatever a framework raises is that case's outcome, not the run's end
        text = str(error).strip() or "(no message)"
        return {"raised": f"{type(error).__name__}: {text}", "traceback": traceback.format_exc()}


def _declared(adapter: Adapter, case: Case) -> dict[str, str]:
    """What the adapter says of itself that its answer is judged by.

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
    return declared


def _split(outputs: Any) -> tuple[dict[str, Array], dict[str, str]]:
    """The outputs that are arrays of a known dtype, and a description of each that is not."""
    if not isinstance(outputs, dict):
        raise TypeError(f"the adapter returned {type(outputs).__name__}, needs a dict of arrays")
    arrays: dict[str, Array] = {}
    strange: dict[str, str] = {}
    for name, value in outputs.items():
        if not isinstance(value, np.ndarray):
            strange[str(name)] = f"a {type(value).__name__}"
        elif value.dtype not in SENDABLE:
            strange[str(name)] = f"an array of dtype {value.dtype}"
        else:
            arrays[str(name)] = value
    return arrays, strange


def _redirect(log: str) -> None:
    """Send both standard streams, those of C code too, to a file; there a fatal signal leaves its traceback as well."""
    handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    os.close(handle)
    faulthandler.enable(all_threads=False)
