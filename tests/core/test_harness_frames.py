"""Frames are told from everything else that a harness prints, and what is wrong with one is said at once."""

import json

import numpy as np
import pytest

from conformance.adapters.harness import frames
from conformance.adapters.harness.errors import HarnessFault
from conformance.case.tensors import from_bytes, to_bytes

TENSORS = to_bytes({"y": np.arange(6.0, dtype=np.float32).reshape(2, 3)})
SIZE = len(TENSORS)
OK = {"op": "ok", "id": 3}
RIGHT = frames.to_bytes(OK, TENSORS)


class Pipe:
    """Bytes that come in pieces, and what is no frame."""

    def __init__(self, data: bytes, size: int = 1 << 20) -> None:
        self.pieces = [data[n : n + size] for n in range(0, len(data), size)]
        self.noise = b""
        self.reader = frames.Reader(self.more, self.take)

    def more(self) -> bytes:
        return self.pieces.pop(0) if self.pieces else b""

    def take(self, data: bytes) -> None:
        self.noise += data


@pytest.mark.parametrize("size", [1, 7, 1 << 20])
@pytest.mark.parametrize("noise", [b"", b"loading\n", b"no end of line ", b'a\n\n{"op\n{"ops": 1}\nthen '])
def test_a_frame_is_found_whatever_is_printed_before_it(size: int, noise: bytes) -> None:
    pipe = Pipe(noise + RIGHT + noise + RIGHT, size)
    for count in (1, 2):
        header, payload = pipe.reader.next(1000)
        assert header == OK | {"bytes": SIZE}
        assert from_bytes(payload)["y"].tolist() == [[0, 1, 2], [3, 4, 5]]
        assert pipe.noise == noise * count


def test_the_order_of_fields_and_spaces_are_those_of_any_json_but_op_is_first() -> None:
    pipe = Pipe(b'{"op": "ok", "bytes": 0, "id": 3}\n')
    assert pipe.reader.next(0).header == OK | {"bytes": 0}


@pytest.mark.parametrize("size", [1, 7, 1 << 20])
@pytest.mark.parametrize(
    "line",
    [
        b'{"bytes":0,"id":3,"op":"ok"}\n',
        b'{ "op": "ok", "id": 3, "bytes": 0}\n',
        b' {\n  "op" : "ok",\n  "id": 3,\n  "bytes": 0\n}\n',
    ],
)
def test_an_answer_in_another_form_is_named_at_once(size: int, line: bytes) -> None:
    def never() -> bytes:
        raise AssertionError("it waits")

    pipe = Pipe(b"loading\n" + line, size)
    reader = frames.Reader(lambda: pipe.more() or never(), pipe.take)
    with pytest.raises(HarnessFault) as raised:
        reader.next(1000)
    assert 'this looks like an answer; the line of a frame must begin with {"op":' in str(raised.value)
    assert "docs/harness.md#frames" in str(raised.value)


@pytest.mark.parametrize("size", [1, 7, 1 << 20])
@pytest.mark.parametrize("noise", [b'{"level": "info", "ops": 3}\n', b"[1]\n", b"{unfinished", b'{"op" }\n'])
def test_other_json_beside_frames_is_noise(size: int, noise: bytes) -> None:
    pipe = Pipe(noise + RIGHT, size)
    assert pipe.reader.next(1000).header == OK | {"bytes": SIZE}
    assert pipe.noise == noise


def announced(size: object) -> bytes:
    return json.dumps(OK | {"bytes": size}).encode() + b"\n" + TENSORS


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (
            announced(SIZE + 1),
            f'"bytes" is {SIZE + 1}, and the tensors that follow take {SIZE}',
        ),
        (
            announced(SIZE - 1),
            f'"bytes" is {SIZE - 1}, and the tensors that follow take {SIZE}',
        ),
        (announced(7), "what follows a header is not 7 bytes of safetensors"),
        (announced(1001), "1,001 bytes are announced; no answer to this needs more than 1,000"),
        (announced(-1), '"bytes" must be a whole number'),
        (announced("8"), '"bytes" must be a whole number'),
        (announced(True), '"bytes" must be a whole number'),
        (b'{"op": "ok"}\n', '"bytes" must be a whole number'),
        (b'{"op": "ok", "id": NaN, "bytes": 0}\n', "a line begins like a frame and is not JSON"),
        (b'{"op": "ok", "bytes": 0}}\n', "a line begins like a frame and is not JSON"),
        (b'{"op":' + b"[" * 5000 + b"\n", "a line begins like a frame and is not JSON"),
        (b'{"op": "\xff"}\n', "a line begins like a frame and is not JSON"),
        (b'{"op":' + b" " * (frames.MOST_HEADER + 1), "a header of more than 1,048,576 bytes"),
        (b"x" * 99 * (frames.MOST_NOISE // 99 + 1), "more than 1,048,576 bytes on standard output that are no frame"),
        (b'{"op":"ok","bytes":10}\n\x02\0\0\0\0\0\0\0[]', "what follows a header is not safetensors"),
        (b'{"op":"ok","bytes":15}\n\x07\0\0\0\0\0\0\0{"a":1}', "what follows a header is not safetensors"),
    ],
)
def test_what_is_wrong_with_a_frame_is_said_without_waiting_for_more(data: bytes, said: str) -> None:
    def never() -> bytes:
        raise AssertionError("it waits")

    pipe = Pipe(data)
    reader = frames.Reader(lambda: pipe.more() or never(), pipe.take)
    with pytest.raises(HarnessFault) as raised:
        reader.next(1000)
    assert said in str(raised.value)
    assert len(str(raised.value)) < 500


@pytest.mark.parametrize(
    ("data", "doing", "noise"),
    [
        (b"", "before it answered", b""),
        (b"goodbye\nand", "before it answered", b"goodbye\nand"),
        (RIGHT[:9], "within a header", RIGHT[:9]),
        (RIGHT[:-4], f"after {SIZE - 4} of {SIZE} bytes of an answer", b""),
    ],
)
def test_the_end_of_the_file_is_said_with_what_had_come(data: bytes, doing: str, noise: bytes) -> None:
    pipe = Pipe(data)
    with pytest.raises(frames.EndOfFile) as raised:
        pipe.reader.next(1000)
    assert raised.value.doing == doing
    assert pipe.noise == noise


def test_no_number_that_json_has_not_is_sent() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        frames.to_bytes({"op": "call", "number": float("nan")})
