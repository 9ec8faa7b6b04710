"""The models of the messages between the suite and a harness; docs/harness.md explains each with an example.

A message is the line of a frame. Its JSON Schema is made from these models (`schema`). An answer with a field that is
not here is refused: whoever sends one expects it to be read.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Final, Literal, Union

from pydantic import Field, TypeAdapter, ValidationError
from pydantic.json_schema import models_json_schema

from conformance.adapters.base import EmptyRows, PaddedY
from conformance.adapters.harness.describe import PROTOCOL, Description
from conformance.adapters.harness.errors import HarnessFault
from conformance.adapters.harness.resolved import ResolvedCase
from conformance.case.dtypes import Precision
from conformance.case.options import Frozen
from conformance.case.text import shortened


class _Message(Frozen):
    id: int = Field(ge=0, description="of the request; its answer has the same")
    bytes: int = Field(ge=0, description="the size of the safetensors that follow the line; 0 for none")


class Hello(_Message):
    """Load the engine and choose the device. The first request, once."""

    op: Literal["hello"]
    protocol: Literal[1]
    device: str


class Prepare(_Message):
    """Build a layer with the weights that follow, and keep it under a handle."""

    op: Literal["prepare"]
    handle: int = Field(ge=0, description="chosen by the suite; not one that is in use")
    case: ResolvedCase  # type: ignore[valid-type]  # made by create_model


class Call(_Message):
    """Compute, with the inputs that follow."""

    op: Literal["call"]
    handle: int = Field(ge=0)


class Drop(_Message):
    """Forget a handle."""

    op: Literal["drop"]
    handle: int = Field(ge=0)


class Stop(_Message):
    """Answer, and end with exit code 0."""

    op: Literal["stop"]


_Named = Annotated[dict[str, str], Field(min_length=1)]
_Pair = Annotated[list[str], Field(min_length=2, max_length=2)]
_Pairs = Annotated[list[_Pair], Field(min_length=1)]


class Loaded(_Message):
    """The answer to hello: the engine is there."""

    op: Literal["ok"]
    versions: _Named | _Pairs = Field(
        description="of each package whose code computes the answer, the deciding one first; as pairs of name and "
        "version where the order of an object cannot be chosen"
    )
    settings: dict[str, str] = Field(default={}, description="what decides about precision and kernels")


class Unavailable(_Message):
    """The answer to hello: the engine, or the device, is not there."""

    op: Literal["unavailable"]
    reason: str


class Prepared(_Message):
    """The answer to prepare. What it has stands in place of what `--describe` says, for this handle."""

    op: Literal["ok"]
    precision: Precision | None = None
    padded_y: PaddedY | None = None
    empty_rows: EmptyRows | None = None


class Done(_Message):
    """The answer to call, with the outputs after it, and to drop and stop."""

    op: Literal["ok"]


class Unsupported(_Message):
    """The answer to prepare or call: the engine's interface does not take this case."""

    op: Literal["unsupported"]
    reason: str


class Error(_Message):
    """The answer to any request: what the engine, or the harness, raised."""

    op: Literal["error"]
    text: str
    trace: str = ""


_ANSWERS: Final[dict[str, tuple[type[_Message], ...]]] = {
    "hello": (Loaded, Unavailable, Error),
    "prepare": (Prepared, Unsupported, Error),
    "call": (Done, Unsupported, Error),
    "drop": (Done, Error),
    "stop": (Done, Error),
}


def _either(models: tuple[type[_Message], ...]) -> Any:
    return Annotated[Union[models], Field(discriminator="op")]  # noqa: UP007  # of types that are known when it runs


_READERS: Final[dict[str, TypeAdapter[Any]]] = {
    request: TypeAdapter(_either(models)) for request, models in _ANSWERS.items()
}


def answer_of(request: str, header: dict[str, Any]) -> Any:
    """The answer to a request of this op.

    Raises:
        HarnessFault: it is none.
    """
    try:
        return _READERS[request].validate_python(header)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        problem = f"{where}: {first['msg']}" if where else first["msg"]
        raise HarnessFault(f"the answer to {request} is {shortened(repr(header))}: {problem}") from error


def schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of all messages: `$defs` has each by its name."""
    requests = (Hello, Prepare, Call, Drop, Stop)
    answers = dict.fromkeys(model for models in _ANSWERS.values() for model in models)
    every = [(model, "validation") for model in (Description, *requests, *answers)]
    _, found = models_json_schema(every, ref_template="#/$defs/{model}")  # type: ignore[arg-type]  # literals
    definitions: dict[str, Any] = found["$defs"]
    definitions["Request"] = _one_of(requests)
    definitions |= {f"AnswerTo{request.title()}": _one_of(models) for request, models in _ANSWERS.items()}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"LSTM conformance harness protocol, version {PROTOCOL}",
        "$defs": definitions,
    }


def _one_of(models: Iterable[type[Frozen]]) -> dict[str, Any]:
    return {"oneOf": [{"$ref": f"#/$defs/{model.__name__}"} for model in models]}
