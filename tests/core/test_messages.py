"""What a run and its workers say to each other: it comes back as it went, and what nobody said is told from it."""

import execnet
import pytest

from conformance.run.messages import (
    Ask,
    AtFault,
    Computed,
    Died,
    Load,
    Loaded,
    NotAMessage,
    NotLoaded,
    Raised,
    Refused,
    Silent,
    Started,
    is_last,
    reply_from,
    request_from,
    to_wire,
)

REQUESTS = (Load("torch@cpu", None, 300.0), Load("torch@cpu", 1.5, 2.0), Ask('{"T": 3}', b"\x00\xff", 1.0))
REPLIES = (
    Started(17, "/tmp/log", 1 << 60),
    Loaded({"versions": {"torch": "2.13.0"}, "device": "cpu"}, "torch", None, False),
    NotLoaded("no such device"),
    Computed(b"\x00", {"y": "a list"}, "float32", "zeros", "initial", 0.25),
    Refused("no peepholes", 0.0),
    Raised("RuntimeError: no kernel\nfor this", "Traceback ...\n\tat", 0.5, out_of_memory=True),
)


@pytest.mark.parametrize("message", [*REQUESTS, *REPLIES], ids=lambda message: type(message).__name__)
def test_a_message_comes_back_as_it_went(message):
    wire = execnet.loads(execnet.dumps(to_wire(7, message)))  # as a connection takes it
    assert (request_from if message in REQUESTS else reply_from)(wire) == (7, message)


class Version(str):
    __slots__ = ()


def test_any_text_can_be_sent():
    wire = execnet.loads(execnet.dumps(to_wire(1, Refused(Version("caf\udce9 \x1b[31m\nin two lines"), 0.0))))
    assert reply_from(wire)[1] == Refused("caf\\udce9 \\x1b[31m\nin two lines", 0.0)


@pytest.mark.parametrize(
    "wire",
    [None, 5, "hello", [], {}, {"id": 1}, {"id": 1, "kind": "Ask"}, {"kind": "NotLoaded", "reason": ""},
     {"id": 1, "kind": "NotLoaded"}, {"id": 1, "kind": "NotLoaded", "reason": "", "more": 1},
     {"id": 1, "kind": "Died", "text": "", "seconds": 0.0}, {"id": 1, "kind": []}],
)  # fmt: skip
def test_what_nobody_says_is_not_a_reply(wire):
    with pytest.raises(NotAMessage):
        reply_from(wire)


def test_a_worker_is_of_no_use_after_its_end_and_without_memory():
    last = [message for message in REPLIES if is_last(message)]
    assert last == [REPLIES[-1]]
    assert all(map(is_last, (Died("exit code 3", 0.0), Silent("", 1.0), AtFault(""))))
    assert not is_last(Raised("RuntimeError: no kernel"))
