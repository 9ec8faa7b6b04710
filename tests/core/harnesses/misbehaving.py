#!/usr/bin/env python3
"""The harness of examples/harnesses/python, which answers a call for the case `ways/NAME` in the way of that name."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3] / "examples" / "harnesses" / "python"))

import harness

OUT = sys.stdout.buffer


def say(data):
    OUT.write(data)
    OUT.flush()


def frame(told, payload=b"", size=None):
    return json.dumps(told | {"bytes": len(payload) if size is None else size}).encode() + b"\n" + payload


def prints(request, right):
    say(b'loading kernels\n{"op\n[done] ' + right)


def prints_a_lot(request, right):
    for _ in range(3000):
        say(b"x" * 999 + b"\n")
    say(right)


def answers_another(request, right):
    say(right.replace(b'"id": %d' % request["id"], b'"id": %d' % (request["id"] - 1)))


def says_too_many(request, right):
    line, _, payload = right.partition(b"\n")
    say(frame(json.loads(line), payload, len(payload) + 8))


def says_too_few(request, right):
    line, _, payload = right.partition(b"\n")
    say(frame(json.loads(line), payload, len(payload) - 8))


def says_far_too_many(request, right):
    say(frame({"op": "ok", "id": request["id"]}, b"", 10**12))


def half_a_frame(request, right):
    print("oh no", file=sys.stderr, flush=True)
    say(right[: len(right) // 2])
    os._exit(3)


def half_a_line(request, right):
    say(right[:20])
    os._exit(4)


def exits(request, right):
    print("out of registers", file=sys.stderr, flush=True)
    os._exit(5)


def exits_silently(request, right):
    os._exit(0)


def segfaults(request, right):
    os.kill(os.getpid(), signal.SIGSEGV)


def hangs(request, right):
    print("thinking", file=sys.stderr, flush=True)
    time.sleep(600)


def leaves_a_child(request, right):
    # It has the standard output of this one, in a session of its own.
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
    if "LSTM_NOTES" in os.environ:
        Path(os.environ["LSTM_NOTES"]).write_text(str(child.pid))
    os._exit(6)


def closes_its_output(request, right):
    os.close(1)
    time.sleep(600)


def no_json(request, right):
    say(b'{"op": "ok", "id": nan}\n')


def sorts_its_fields(request, right):
    line, end, payload = right.partition(b"\n")
    say(json.dumps(json.loads(line), sort_keys=True).encode() + end + payload)


def unknown(request, right):
    say(frame({"op": "maybe", "id": request["id"]}))


def more_fields(request, right):
    say(frame({"op": "ok", "id": request["id"], "confidence": 0.9}))


def no_tensors(request, right):
    say(frame({"op": "ok", "id": request["id"]}, b"\x02\0\0\0\0\0\0\0[]"))


def nothing(request, right):
    say(frame({"op": "ok", "id": request["id"]}))


def raises(request, right):
    say(frame({"op": "error", "id": request["id"], "text": "out of registers", "trace": "at lstm.c:88"}))


def refuses(request, right):
    say(frame({"op": "unsupported", "id": request["id"], "reason": "not on a Monday"}))


def right(request, answer):
    say(answer)


WAYS = {
    each.__name__.replace("_", "-"): each
    for each in (
        *(right, prints, prints_a_lot, answers_another, says_too_many, says_too_few, says_far_too_many, half_a_frame),
        *(half_a_line, exits, exits_silently, segfaults, hangs, leaves_a_child, closes_its_output, no_json, unknown),
        *(more_fields, no_tensors, nothing, raises, refuses, sorts_its_fields),
    )
}


def main():
    layers, ways = {}, {}
    while line := sys.stdin.buffer.readline():
        request = json.loads(line)
        tensors = harness.read_tensors(sys.stdin.buffer.read(request["bytes"]))
        told, found = harness.answer(request, tensors, layers)
        if request["op"] == "prepare":
            ways[request["handle"]] = WAYS[request["case"]["id"].split("/")[1].rstrip("0123456789")]
        answer = frame(told | {"id": request["id"]}, harness.write_tensors(found) if found else b"")
        (ways[request["handle"]] if request["op"] == "call" else right)(request, answer)
        if request["op"] == "stop":
            return


if __name__ == "__main__":
    if "--describe" in sys.argv:
        print(json.dumps(harness.DESCRIPTION | {"name": "misbehaving"}))
    else:
        main()
