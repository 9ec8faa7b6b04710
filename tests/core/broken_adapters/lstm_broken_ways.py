"""What the adapter `broken` can do to an answer, or to its process, by name; a name is that of a case, too."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from conformance.adapters.base import Model
from conformance.case.tensors import Inputs, Outputs

Way = Callable[[Model, Inputs], Outputs]
WAYS: dict[str, Way] = {}


def way(function: Way) -> Way:
    WAYS[function.__name__.replace("_", "-")] = function
    return function


@way
def right(model, inputs):
    return model(inputs)


@way
def raises(model, inputs):
    raise RuntimeError("no kernel for this shape")


@way
def raises_without_a_word(model, inputs):
    raise ValueError


@way
def raises_a_surrogate(model, inputs):
    raise RuntimeError("cannot read /models/caf\udce9")


@way
def panics(model, inputs):
    """As a framework written in Rust does."""

    class Panic(BaseException):
        pass

    raise Panic("index out of bounds")


@way
def interrupts(model, inputs):
    raise KeyboardInterrupt


@way
def calls_sys_exit(model, inputs):
    sys.exit("giving up")


@way
def not_a_dict(model, inputs):
    return list(model(inputs).values())


@way
def a_list(model, inputs):
    outputs = model(inputs)
    return outputs | {"y": outputs["y"].tolist()}


@way
def missing(model, inputs):
    outputs = model(inputs)
    del outputs["c_n"]
    return outputs


@way
def more_than_asked(model, inputs):
    return model(inputs) | {"attention": np.zeros(3, np.float32), "notes": "none"}


@way
def wrong_shape(model, inputs):
    outputs = model(inputs)
    return outputs | {"y": outputs["y"].transpose(1, 0, 2)}


@way
def float64(model, inputs):
    return {name: array.astype(np.float64) for name, array in model(inputs).items()}


@way
def int32(model, inputs):
    return {name: array.astype(np.int32) for name, array in model(inputs).items()}


@way
def nan(model, inputs):
    outputs = model(inputs)
    outputs["y"][1, 0, 2] = np.nan
    return outputs


@way
def one_element(model, inputs):
    outputs = model(inputs)
    outputs["h_n"][0, 1, 2] += 0.25
    return outputs


@way
def coarse(model, inputs):
    return {name: array * np.float32(1.001) for name, array in model(inputs).items()}


@way
def carries(model, inputs):
    outputs = model(inputs)
    for row, length in enumerate(inputs.lengths):
        outputs["y"][length:, row] = outputs["y"][length - 1, row]
    return outputs


@way
def empties(model, inputs):
    outputs = model(inputs)
    for name in ("h_n", "c_n"):
        outputs[name][:, inputs.lengths == 0] = 0
    return outputs


WAYS["empties-unsaid"] = empties  # the same, without the adapter's saying so


@way
def modifies_its_inputs(model, inputs):
    outputs = model(inputs)
    inputs.x[...] = 0
    return outputs


@way
def modifies_them_in_c(model, inputs):
    ctypes.memset(inputs.x.ctypes.data, 0, inputs.x.nbytes)
    return model(inputs)


@way
def noisy(model, inputs):
    for _ in range(1000):
        print("chatter on stdout")
        print("chatter on stderr", file=sys.stderr)
        os.write(1, b"chatter of C code\n")
    return model(inputs)


@way
def exits(model, inputs):
    print("device lost", flush=True)
    os._exit(3)


@way
def exits_silently(model, inputs):
    os._exit(0)


@way
def segfaults(model, inputs):
    os.kill(os.getpid(), signal.SIGSEGV)
    return model(inputs)


@way
def forks_and_exits(model, inputs):
    """The child holds the worker's connection open, as the server processes of some device runtimes do."""
    if os.fork() == 0:
        time.sleep(3600)
        os._exit(0)
    os._exit(4)


@way
def forks_and_both_go_on(model, inputs):
    """The copy makes an answer of its own, and a wrong one."""
    copy = os.fork() == 0
    outputs = model(inputs)
    return {name: array + 1 for name, array in outputs.items()} if copy else outputs


@way
def forks_as_it_should(model, inputs):
    """The copy ends where it began."""
    if os.fork() == 0:
        os._exit(0)
    return model(inputs)


@way
def speaks_out_of_turn(model, inputs):
    """On the connection that is the worker's own."""
    frame = sys._getframe()
    while "channel" not in frame.f_locals:
        frame = frame.f_back
    frame.f_locals["channel"].send({"id": 0, "kind": "Refused", "reason": "not today", "seconds": 0.0})
    return model(inputs)


@way
def leaves_a_daemon(model, inputs):
    """A process in a session of its own, without this one's environment, whose parent has ended."""
    note = Path(os.environ["LSTM_BROKEN_NOTES"]).with_suffix(".daemon")
    script = f"echo $$ > {note}.new; mv {note}.new {note}; exec sleep 3600"
    subprocess.run(["/bin/sh", "-c", f"setsid sh -c '{script}' &"], env={"PATH": os.defpath}, check=True)
    while not note.exists():
        time.sleep(0.01)
    return model(inputs)


@way
def leaves_a_daemon_and_exits(model, inputs):
    leaves_a_daemon(model, inputs)
    os._exit(4)


@way
def leaves_a_daemon_and_hangs(model, inputs):
    leaves_a_daemon(model, inputs)
    time.sleep(3600)


@way
def hangs(model, inputs):
    time.sleep(3600)
    return model(inputs)


@way
def hangs_in_c(model, inputs):
    """No other Python thread of the process runs any more."""
    ctypes.PyDLL(None).sleep(3600)
    return model(inputs)


@way
def hangs_till_killed(model, inputs):
    Path(os.environ["LSTM_BROKEN_NOTES"]).with_suffix(".kill").write_text(str(os.getpid()))
    time.sleep(3600)
    return model(inputs)


@way
def stops(model, inputs):
    breakpoint()
    return model(inputs)


@way
def sleeps(model, inputs):
    time.sleep(0.7)
    return model(inputs)


@way
def hogs(model, inputs):
    held = np.empty(2 << 30, np.uint8)  # reserved, never touched: without a limit it costs nothing
    return model(inputs) if held.size else {}


@way
def hogs_in_c(model, inputs):
    """As a framework says it, whose code is in C++."""
    allocate = ctypes.CDLL(None).malloc
    allocate.restype, allocate.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
    if allocate(2 << 30) is None:
        raise RuntimeError("std::bad_alloc")
    return model(inputs)
