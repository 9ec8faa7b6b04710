"""What a run and its workers say to each other.

    Load, Ask                       requests
    Started, then Loaded/NotLoaded  the replies to Load
    Computed, Refused, Raised       the answers to Ask
    Died, Silent, AtFault           what a run makes of a worker that gives no answer; these are never sent

A connection takes plain dicts of builtins only, so each message goes as one: its fields, its kind, and the id of the
request that it is or belongs to. The classes are named tuples, and not dataclasses, because both ends import them while
a worker starts: eleven dataclasses take 5 ms to be made, named tuples 1 ms.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from conformance.case.text import visible

if TYPE_CHECKING:
    # Not needed for a worker to be started; they are imported while it starts.
    from conformance.case.model import Case
    from conformance.case.tensors import Arrays


class NotAMessage(Exception):
    """What came over a connection is nothing that either side says."""


class Load(NamedTuple):
    """Make an adapter.

    adapter: its label as the place knows it, `NAME@DEVICE`. memory: GiB the process may allocate, None for no limit.
    timeout: seconds.
    """

    adapter: str
    memory: float | None
    timeout: float


class Ask(NamedTuple):
    """Answer a case. case: JSON. tensors: safetensors. timeout: seconds."""

    case: str
    tensors: bytes
    timeout: float

    @classmethod
    def of(cls, case: Case, arrays: Arrays, timeout: float) -> Ask:
        """The request for a case's answer."""
        from conformance.case.tensors import to_bytes

        # Not model_dump_json: it compares with the defaults in Python, where Ctrl-C may strike, and makes that an
        # error of its own.
        described = json.dumps(case.model_dump(mode="json", exclude_defaults=True))
        return cls(described, to_bytes(arrays.flat), timeout)


class Started(NamedTuple):
    """The process is there. log: the file its output goes to. mark: see conformance.run.confine.confine."""

    pid: int
    log: str
    mark: int


class Loaded(NamedTuple):
    """The adapter is made. info: the fields of its AdapterInfo. capabilities: JSON, None where they are no help."""

    info: dict[str, Any]
    name: str
    capabilities: str | None


class NotLoaded(NamedTuple):
    """The adapter cannot be made, and why."""

    reason: str


class Computed(NamedTuple):
    """The outputs that a case asks for, and what the adapter declares of them.

    tensors: safetensors. strange: name -> what was returned instead of an array. seconds: that the adapter took.
    """

    tensors: bytes
    strange: dict[str, str]
    precision: str
    padded_y: str
    empty_rows: str
    seconds: float


class Refused(NamedTuple):
    """The adapter does not support the case, and why."""

    reason: str
    seconds: float


class Raised(NamedTuple):
    """The adapter raised. text: kind and message of the exception. out_of_memory: the process ends after that."""

    text: str
    traceback: str = ""
    seconds: float = 0.0
    out_of_memory: bool = False


class Died(NamedTuple):
    """The process ended.

    text: its first line says how, the others are the tail of what it printed. seconds: since it could begin.
    """

    text: str
    seconds: float


class Silent(NamedTuple):
    """No answer within `seconds`; the process has been killed. text: where it was, and what it had printed."""

    text: str
    seconds: float


class AtFault(NamedTuple):
    """What came is no answer to the request; the process has been killed."""

    text: str


Request = Load | Ask
Answer = Computed | Refused | Raised
Reply = Started | Loaded | NotLoaded | Answer
Ending = Died | Silent | AtFault

_REQUESTS = {kind.__name__: kind for kind in (Load, Ask)}
_REPLIES = {kind.__name__: kind for kind in (Started, Loaded, NotLoaded, Computed, Refused, Raised)}


def is_last(answer: Answer | Ending) -> bool:
    """Whether the worker is of no more use after this."""
    return isinstance(answer, Ending) or (isinstance(answer, Raised) and answer.out_of_memory)


def to_wire(number: int, message: Request | Reply) -> dict[str, Any]:
    """A message as it goes over a connection.

    Args:
        number: the id of the request that it is or belongs to.
    """
    told: dict[str, Any] = sendable(message._asdict())
    return {"id": number, "kind": type(message).__name__} | told


def request_from(wire: object) -> tuple[int, Request]:
    """Id and request of what came over a connection.

    Raises:
        NotAMessage: it is not a request.
    """
    return _from_wire(wire, _REQUESTS)


def reply_from(wire: object) -> tuple[int, Reply]:
    """Id of the request, and the reply, of what came over a connection.

    Raises:
        NotAMessage: it is not a reply.
    """
    return _from_wire(wire, _REPLIES)


def _from_wire(wire: object, kinds: dict[str, Any]) -> tuple[int, Any]:
    try:
        told = dict(wire)  # type: ignore[call-overload]
        return told.pop("id"), kinds[told.pop("kind")](**told)
    except (KeyError, TypeError, ValueError) as error:
        raise NotAMessage(f"not a message: {type(wire).__name__}") from error


def sendable(value: Any) -> Any:
    """What an adapter said, with texts that can be encoded and shown, whatever was in them."""
    if isinstance(value, dict):
        return {sendable(key): sendable(each) for key, each in value.items()}
    # str.__str__: a connection takes no subclass of it, and what a framework has for a version may be one.
    return visible(str.__str__(value), lines=True) if isinstance(value, str) else value
