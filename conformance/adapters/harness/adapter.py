"""The adapter that speaks with a harness: `command:PATH`, a named entry, or one that a package ships."""

from __future__ import annotations

import contextlib
import sys
import weakref
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final

import numpy as np
import safetensors

from conformance.adapters.base import Adapter, EmptyRows, Model, PaddedY
from conformance.adapters.harness import messages
from conformance.adapters.harness.command import words_of
from conformance.adapters.harness.conversation import Conversation
from conformance.adapters.harness.describe import Description, asked, parsed
from conformance.adapters.harness.errors import EngineError, HarnessDied, HarnessFault
from conformance.adapters.harness.resolved import Onnx, resolved
from conformance.adapters.harness.weights import sent_weights
from conformance.case.dtypes import Precision
from conformance.case.errors import AdapterUnavailable, UnsupportedOption
from conformance.case.model import Case
from conformance.case.tensors import Array, Outputs, Weights, from_bytes, to_bytes
from conformance.files import MEBIBYTE, read_file

_WIDEST: Final = 8
_MOST_BESIDE: Final = MEBIBYTE


class CommandAdapter(Adapter):
    """A harness in a process of its own, which is started when the adapter is made and lives as long.

    description: what the harness says of itself. command: its words. conversation: with the process.
    handles: how many there have been; the last one is this.

    A layer that nobody has any more is dropped at once, and the answer is received with the next one: the harness frees
    it while this process and the suite's do something else, and no thread of it waits for more work meanwhile.
    """

    description: ClassVar[Description]
    command: ClassVar[Sequence[str]]
    alone = True  # nobody knows what a command has to itself

    def __init__(self, device: str = "cpu") -> None:
        super().__init__(device)
        self.conversation = Conversation(self.name, self.words(), self.environment())
        self._closed = weakref.finalize(self, self.conversation.close)
        self.handles = 0
        self._speaking = False
        self._unsent: list[int] = []
        self._unanswered: list[int] = []
        self._prepared: messages.Prepared | None = None
        try:
            loaded, _ = self.conversation.ask("hello", protocol=self.description.protocol, device=device)
        except HarnessFault as error:
            raise AdapterUnavailable(f"{self.name}: {error}") from error
        if isinstance(loaded, messages.Unavailable):
            raise AdapterUnavailable(f"{self.name}: {loaded.reason}")
        if isinstance(loaded, messages.Error):
            raise AdapterUnavailable(f"{self.name} cannot load: {loaded.text}")
        self._loaded: messages.Loaded = loaded

    @classmethod
    def words(cls) -> Sequence[str]:
        """The command that is started. Raises AdapterUnavailable if it is not there."""
        return cls.command

    @classmethod
    def environment(cls) -> Mapping[str, str] | None:
        """Its complete environment; None for that of this process."""
        return None

    @property
    def versions(self) -> dict[str, str]:
        """As the harness told when it had loaded."""
        return dict(self._loaded.versions)

    @property
    def settings(self) -> dict[str, str]:
        """As the harness told when it had loaded."""
        return dict(self._loaded.settings)

    def precision(self, dtype: str) -> Precision:
        """Of the layer prepared last, else as described."""
        own = self._prepared.precision if self._prepared is not None else None
        return own or self.description.precision.get(dtype, dtype)  # type: ignore[call-overload]

    def padded_y(self, case: Case) -> PaddedY:
        """Of the layer prepared last, else as described."""
        own = self._prepared.padded_y if self._prepared is not None else None
        return own or self.description.contracts.padded_y

    def empty_rows(self, case: Case) -> EmptyRows:
        """Of the layer prepared last, else as described."""
        own = self._prepared.empty_rows if self._prepared is not None else None
        return own or self.description.contracts.empty_rows

    def prepare(self, case: Case, weights: Weights) -> Model:
        """The layer, under a handle of the harness.

        Raises:
            UnsupportedOption: the harness says so. EngineError: it answers an error.
            HarnessFault, HarnessDied: it does not answer as it should, or not any more.
        """
        if self.description.weights == "onnx":
            from conformance.adapters import onnx_model

            return onnx_model.prepare(case, weights, self._load)
        layer = self._layer(case, to_bytes(sent_weights(self.description.weights, weights)))
        return lambda inputs: layer(inputs.flat)

    def close(self) -> None:
        """Have the harness stop, or end at the end of its input."""
        if self._closed.alive:
            with contextlib.suppress(HarnessFault, HarnessDied, EngineError):
                self._ask("stop")
            self._closed()

    def _load(self, case: Case, model: Any) -> Callable[[Mapping[str, Array]], list[Array]]:
        """A layer from an ONNX model."""
        names = Onnx(
            inputs=tuple(each.name for each in model.graph.input),
            outputs=tuple(each.name for each in model.graph.output),
        )
        text = np.frombuffer(model.SerializeToString(), np.uint8)
        layer = self._layer(case, to_bytes({"model": text}), names)

        def run(feeds: Mapping[str, Array]) -> list[Array]:
            outputs = layer(feeds)
            if missing := [name for name in names.outputs if name not in outputs]:
                raise EngineError(f"the harness gave back no {missing[0]}")
            return [outputs[name] for name in names.outputs]

        return run

    def _layer(self, case: Case, tensors: bytes, onnx: Onnx | None = None) -> Callable[[Mapping[str, Array]], Outputs]:
        """A prepared layer: tensors in, tensors out. Its handle is dropped when nobody has it any more."""
        self.handles += 1
        handle = self.handles
        self._prepared, _ = self._ask("prepare", tensors, handle=handle, case=resolved(case, onnx))
        most = _MOST_BESIDE + 2 * _WIDEST * sum(int(np.prod(shape)) for shape in case.outputs.values())

        def call(inputs: Mapping[str, Array]) -> Outputs:
            _, payload = self._ask("call", to_bytes(inputs), most=most, handle=handle)
            return _tensors(payload)

        weakref.finalize(call, self._drop, handle).atexit = False
        return call

    def _ask(self, op: str, tensors: bytes = b"", *, most: int = 0, **fields: Any) -> tuple[Any, bytes]:
        """The answer to a request, if it and those to the drops before it are ok, and what follows it."""
        self._speaking = True
        try:
            self._send_drops()
            number = self.conversation.send(op, tensors, **fields)
            unanswered, self._unanswered[:] = [*self._unanswered], []
            answers = [self.conversation.receive("drop", each)[0] for each in unanswered]
            answer, payload = self.conversation.receive(op, number, most)
        finally:
            self._speaking = False
        for each in (*answers, answer):
            _right(each)
        return answer, payload

    def _drop(self, handle: int) -> None:
        """Nobody has the layer any more, which may turn out in the middle of a request."""
        self._unsent.append(handle)
        if not self._speaking and self._closed.alive:
            self._send_drops()

    def _send_drops(self) -> None:
        while self._unsent:
            self._unanswered.append(self.conversation.send("drop", handle=self._unsent.pop(0)))


def _right(answer: Any) -> Any:
    """The answer, if it is ok."""
    if isinstance(answer, messages.Unsupported):
        raise UnsupportedOption(answer.reason)
    if isinstance(answer, messages.Error):
        error = EngineError(answer.text)
        if answer.trace:
            error.add_note(answer.trace)
        raise error
    return answer


def _tensors(payload: bytes) -> dict[str, Array]:
    try:
        return {name: array.copy() for name, array in from_bytes(payload).items()} if payload else {}  # writeable
    except (safetensors.SafetensorError, KeyError, ValueError) as error:
        raise HarnessFault(
            f"what follows the answer cannot be read as tensors: {type(error).__name__}: {error}"
        ) from error


def of_command(text: str) -> type[CommandAdapter]:
    """The adapter of a command: a file, or a command line as for a shell.

    Raises:
        AdapterUnavailable: it does not describe itself.
    """
    words = words_of(text)
    told = asked(words)
    own = {"name": told.name, "capabilities": told.capabilities, "devices": told.devices}
    return type("Command", (CommandAdapter,), own | {"description": told, "command": words})


class ShippedHarness(CommandAdapter):
    """A harness in a package, beside the module of its subclass, which has two lines.

    command: its words, as in ("node", "acme.mjs"); a word that names a file beside the module stands for that.
    described: the file there with what it prints with `--describe`, so that nothing needs to be started to know its
    capabilities. The name in it is the adapter's.
    """

    described: ClassVar[str]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if not hasattr(cls, "described"):  # what several have in common
            return
        path = cls.folder() / cls.described
        told = parsed(read_file(path, MEBIBYTE), str(path))
        cls.description, cls.name, cls.capabilities, cls.devices = told, told.name, told.capabilities, told.devices

    @classmethod
    def folder(cls) -> Path:
        """Where the files of the harness are: the folder of the module."""
        return Path(str(sys.modules[cls.__module__].__file__)).parent

    @classmethod
    def words(cls) -> Sequence[str]:
        """The command, with the files of the package by their whole paths."""
        return [str(cls.folder() / word) if (cls.folder() / word).is_file() else word for word in cls.command]
