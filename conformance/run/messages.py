"""The messages between a run and its workers.

    Load, Ask                       requests
    Started, then Loaded/NotLoaded  the replies to Load
    Computed, Refused, Raised       the answers to Ask
    Died, Silent, AtFault           a run's own record of a worker that gave no answer; never sent

They are not the frames of conformance.adapters.harness: they are about a process of Python, whose log and mark have to
be known, and travel through a channel that execnet makes, by ssh as well.

A connection takes only plain dicts of builtins, so each message is sent as one: its fields, its kind, and the id of the
request that it is or belongs to. The classes are named tuples rather than dataclasses because both ends import them
while a worker starts: eleven dataclasses take 5 ms to create, named tuples 1 ms.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from conformance.case.text import visible

if TYPE_CHECKING:
    # Not needed to start a worker; they are imported while it starts.
    from conformance.case.model import Case
    from conformance.case.tensors import Arrays


class NotAMessage(Exception):
    """What arrived over a connection is not one of the messages."""


class Load(NamedTuple):
    """Make an adapter.

    adapter: its label without the place, `NAME@DEVICE`. memory: GiB that the process may allocate, None for no limit.
    timeout: seconds. trace: the file of the conversation with a harness, if it is one.
    """

    adapter: str
    memory: float | None
    timeout: float
    trace: str | None = None


class Ask(NamedTuple):
    """Answer a case. case: JSON. tensors: safetensors. timeout: seconds."""

    case: str
    tensors: bytes
    timeout: float

    @classmethod
    def of(cls, case: Case, arrays: Arrays, timeout: float) -> Ask:
        """The request for a case's answer."""
        from conformance.case.tensors import to_bytes

        return cls(case.described(), to_bytes(arrays.flat), timeout)


class Started(NamedTuple):
    """The process is running. log: the file that gets its output. mark: see conformance.run.confine.confine."""

    pid: int
    log: str
    mark: int


class Loaded(NamedTuple):
    """The adapter is made.

    info: the fields of its AdapterInfo. capabilities: JSON, None if they do not decide. alone: Adapter.alone.
    """

    info: dict[str, Any]
    name: str
    capabilities: str | None
    alone: bool


class NotLoaded(NamedTuple):
    """The adapter cannot be made; the text says why."""

    reason: str


class Computed(NamedTuple):
    """The outputs of a case, and what the adapter declares about them.

    tensors: safetensors. strange: name -> what was returned instead of an array. seconds: how long the adapter took.
    """

    tensors: bytes
    strange: dict[str, str]
    precision: str
    padded_y: str
    empty_rows: str
    seconds: float


class Refused(NamedTuple):
    """The adapter does not support the case; the reason says why."""

    reason: str
    seconds: float


class Raised(NamedTuple):
    """The adapter raised. text: kind and message of the exception.

    out_of_memory; at_fault, what a harness sent was no answer: the process ends after either.
    """

    text: str
    traceback: str = ""
    seconds: float = 0.0
    out_of_memory: bool = False
    at_fault: bool = False


class Died(NamedTuple):
    """The process ended.

    text: its first line says how, the others are the end of its output. seconds: since work could begin.
    """

    text: str
    seconds: float


class Silent(NamedTuple):
    """No answer within `seconds`; the process was killed. text: its stack and its last output."""

    text: str
    seconds: float


class AtFault(NamedTuple):
    """What arrived is not an answer to the request; the process was killed."""

    text: str


Request = Load | Ask
Answer = Computed | Refused | Raised
Reply = Started | Loaded | NotLoaded | Answer
Ending = Died | Silent | AtFault

_REQUESTS = {kind.__name__: kind for kind in (Load, Ask)}
_REPLIES = {kind.__name__: kind for kind in (Started, Loaded, NotLoaded, Computed, Refused, Raised)}


def is_last(answer: Answer | Ending) -> bool:
    """Whether the worker cannot be used after this."""
    return isinstance(answer, Ending) or (isinstance(answer, Raised) and (answer.out_of_memory or answer.at_fault))


def to_wire(number: int, message: Request | Reply) -> dict[str, Any]:
    """A message as it is sent over a connection.

    Args:
        number: the id of the request that it is or belongs to.
    """
    told: dict[str, Any] = sendable(message._asdict())
    return {"id": number, "kind": type(message).__name__} | told


def request_from(wire: object) -> tuple[int, Request]:
    """The id and the request in what arrived over a connection.

    Raises:
        NotAMessage: it is not a request.
    """
    return _from_wire(wire, _REQUESTS)


def reply_from(wire: object) -> tuple[int, Reply]:
    """The id of the request and the reply in what arrived over a connection.

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
    """Values from an adapter, with every text made safe to encode and show."""
    if isinstance(value, dict):
        return {sendable(key): sendable(each) for key, each in value.items()}
    # str.__str__: a connection takes no subclass of str, and a framework's version may be one.
    return visible(str.__str__(value), lines=True) if isinstance(value, str) else value
