#!/usr/bin/env python3
"""A harness for lstm-conformance in Python, which needs NumPy and not the suite. docs/harness.md explains each step.

The engine is the plain loop `scan`. Replace it, and what DESCRIPTION says of it, by your own.
"""

import json
import sys
import traceback

import numpy as np

DESCRIPTION = {
    "protocol": 1,
    "name": "plain-loop",
    "weights": "canonical",
    "capabilities": {
        "dtypes": ["float32", "float64"],
        "directions": ["forward", "reverse", "bidirectional"],
        "lengths": "each",
        "min_length": 0,
        "lengths_via": ["argument"],
        "head": False,
    },
    "contracts": {"padded_y": "zeros", "empty_rows": "initial"},
    "devices": ["cpu"],
}
DTYPES = {
    **{"F16": np.float16, "F32": np.float32, "F64": np.float64},
    **{"I32": np.int32, "I64": np.int64, "BOOL": np.bool_, "U8": np.uint8},
}
NAMES = {np.dtype(dtype): name for name, dtype in DTYPES.items()}


def load():
    """Load the engine; the version of each package that computes."""
    return {"numpy": np.__version__}


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def scan(x, W, R, b, h, c, lengths, reverse):
    """One layer in one direction: x (T, B, I), W (4, H, I), R (4, H, H), b (4, H), h and c (B, H), lengths (B)."""
    y = np.zeros((x.shape[0], *h.shape), x.dtype)
    for t in reversed(range(len(x))) if reverse else range(len(x)):
        i, f, g, o = (x[t] @ W[gate].T + h @ R[gate].T + b[gate] for gate in range(4))
        new_c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        new_h = sigmoid(o) * np.tanh(new_c)
        valid = (t < lengths)[:, None]
        h, c = np.where(valid, new_h, h), np.where(valid, new_c, c)
        y[t] = np.where(valid, new_h, 0)
    return y, h, c


class Layer:
    """What `prepare` makes: every layer and direction, ready to be called as often as asked."""

    def __init__(self, case, weights):
        self.case, self.weights = case, weights

    def call(self, given):
        case, y = self.case, given["x"]
        D = 2 if case["direction"] == "bidirectional" else 1
        zeros = np.zeros((case["layers"] * D, y.shape[1], case["H"]), y.dtype)
        h0, c0 = given.get("h0", zeros), given.get("c0", zeros)
        lengths = given.get("lengths", np.full(y.shape[1], len(y)))
        h_n, c_n = [], []
        for layer in range(case["layers"]):
            x, y = y, []
            for direction in range(D):
                row = layer * D + direction
                W, R = self.weights[f"W.{row}"], self.weights[f"R.{row}"]
                b = self.weights[f"b_w.{row}"] + self.weights[f"b_r.{row}"] if case["bias"] else np.zeros(W.shape[:2])
                reverse = direction == 1 or case["direction"] == "reverse"
                each = scan(x, W, R, b.astype(x.dtype), h0[row], c0[row], lengths, reverse)
                for found, whole in zip(each, (y, h_n, c_n), strict=True):
                    whole.append(found)
            y = np.concatenate(y, axis=-1)
        return {"y": y, "h_n": np.stack(h_n), "c_n": np.stack(c_n)}


def read_tensors(data):
    """safetensors: the size of a JSON header (8 bytes, little endian), the header, the numbers."""
    if not data:
        return {}
    start = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:start])
    header.pop("__metadata__", None)
    return {
        name: np.frombuffer(
            data[start + each["data_offsets"][0] : start + each["data_offsets"][1]], DTYPES[each["dtype"]]
        ).reshape(each["shape"])
        for name, each in header.items()
    }


def write_tensors(tensors):
    header, parts, end = {}, [], 0
    for name, array in tensors.items():
        parts.append(np.ascontiguousarray(array).tobytes())
        begin, end = end, end + len(parts[-1])
        header[name] = {"dtype": NAMES[array.dtype], "shape": list(array.shape), "data_offsets": [begin, end]}
    line = json.dumps(header).encode()
    line += b" " * (-len(line) % 8)
    return len(line).to_bytes(8, "little") + line + b"".join(parts)


def answer(request, tensors, layers):
    """The answer to a request: its fields, and its tensors."""
    if request["op"] == "hello":
        return {"op": "ok", "versions": load(), "settings": {}}, {}
    if request["op"] == "prepare":
        layers[request["handle"]] = Layer(request["case"], tensors)
    elif request["op"] == "call":
        return {"op": "ok"}, layers[request["handle"]].call(tensors)
    elif request["op"] == "drop":
        del layers[request["handle"]]
    return {"op": "ok"}, {}


def serve(requests, answers):
    layers = {}
    while line := requests.readline():
        request = json.loads(line)
        tensors = read_tensors(requests.read(request["bytes"]))
        try:
            told, found = answer(request, tensors, layers)
        except Exception as error:
            told, found = {"op": "error", "text": repr(error), "trace": traceback.format_exc()}, {}
        payload = write_tensors(found) if found else b""
        # `op` comes first: it is how the suite tells an answer from anything else that is printed.
        answers.write(json.dumps(told | {"id": request["id"], "bytes": len(payload)}).encode() + b"\n" + payload)
        answers.flush()
        if request["op"] == "stop":
            return


def main():
    if "--describe" in sys.argv[1:]:
        print(json.dumps(DESCRIPTION))
    else:
        serve(sys.stdin.buffer, sys.stdout.buffer)


if __name__ == "__main__":
    main()
