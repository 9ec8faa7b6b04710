"""A layer of the user's as an adapter: a class or a function of the case makes a torch module or a Keras layer."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, ClassVar, Protocol

from conformance.adapters.base import Adapter, EmptyRows, Model, PaddedY
from conformance.adapters.capabilities import Capabilities
from conformance.api.functions import EVERY_DTYPE, OFFERED
from conformance.api.told import Told, parameters_of
from conformance.case.errors import ConformanceError
from conformance.case.model import Case
from conformance.case.tensors import Weights


class Kind(Protocol):
    """What is peculiar to a framework: conformance.api.torch_layers and keras_layers."""

    def capabilities(self, maker: Any, told: Told) -> Capabilities:
        """What the signatures of a class show that it accepts."""

    def made(self, maker: Any, case: Case, told: Told) -> Any:
        """A layer of a class, for a case."""

    def model(self, layer: Any, case: Case, weights: Weights, told: Told) -> Model:
        """What calls a layer that was made, with the weights of a case."""

    def padded_y(self, layer: Any, case: Case) -> PaddedY:
        """What its framework documents for y where a row leaves a step out."""

    def versions(self) -> dict[str, str]:
        """Of the framework."""


def kind_of(layer: Any) -> Kind | None:
    """The framework of a layer or of a class of layers; None if it is neither."""

    def is_a(base: Any) -> bool:
        return isinstance(layer, base) or (isinstance(layer, type) and issubclass(layer, base))

    # A framework that nobody has imported has made no layer. Keras first: on PyTorch its layers are modules, too.
    if (keras := sys.modules.get("keras")) is not None and is_a(keras.Layer):
        from conformance.api.keras_layers import KerasLayers

        return KerasLayers(keras)
    if (torch := sys.modules.get("torch")) is not None and is_a(torch.nn.Module):
        from conformance.api.torch_layers import TorchLayers

        return TorchLayers(torch)
    return None


def is_maker(subject: Any) -> bool:
    """Whether a function makes a layer: it takes the case alone, by whatever name."""
    needed = [each.name for each in parameters_of(subject).values() if each.default is each.empty]
    return len(needed) == 1 and needed[0] not in OFFERED[:-1]


class OwnLayer(Adapter):
    """Makes a layer for each case, gives it the weights, and calls it."""

    told: ClassVar[Told]
    maker: ClassVar[Any]
    cases: ClassVar[Mapping[str, Any]]
    _kind: Kind | None = None
    _layer: Any = None

    @classmethod
    def plain(cls, maker: Any, told: Told) -> Capabilities:
        """What a layer is taken to accept: what the signatures of a class show; else one forward layer.

        Whether it takes lengths, a mask and states is seen when it has been made.
        """
        if (kind := kind_of(maker)) is not None:
            return kind.capabilities(maker, told)
        return Capabilities(
            dtypes=EVERY_DTYPE,
            max_layers=1,
            lengths="each",
            min_length=0,
            holes=True,
            batch_major=bool(told.batch_first),
            head=False,
            gradients=frozenset({"whole", "truncated"}) if told.gradients else frozenset(),
        )

    @property
    def versions(self) -> dict[str, str]:
        """Those of the layer's framework, which is known when one has been made."""
        return {} if self._kind is None else self._kind.versions()

    def prepare(self, case: Case, weights: Weights) -> Model:
        """A layer with these weights."""
        maker, told = type(self).__dict__["maker"], self.told
        kind = kind_of(maker)
        if kind is not None:
            layer = kind.made(maker, case, told)
        else:
            layer = maker(self.cases[case.id])
            kind = kind_of(layer)
            if kind is None or isinstance(layer, type):
                raise ConformanceError(
                    f"{told.name} takes the case alone, so it must return a torch.nn.Module or a keras.Layer, not a "
                    f"{type(layer).__name__}; a function that computes names what it needs: def f(weights, x, h0, c0)"
                )
        self._kind, self._layer = kind, layer
        return kind.model(layer, case, weights, told)

    def padded_y(self, case: Case) -> PaddedY:
        """As the user says; else as the framework documents it."""
        if self.told.padded_y is not None:
            return self.told.padded_y
        return "zeros" if self._kind is None else self._kind.padded_y(self._layer, case)

    def empty_rows(self, case: Case) -> EmptyRows:
        """As the user says."""
        return self.told.empty_rows
