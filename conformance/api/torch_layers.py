"""torch modules of the user's: made with nn.LSTM's arguments, called as nn.LSTM is, differentiated by autograd."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from conformance.adapters.base import Model, PaddedY, zeros_if_absent
from conformance.adapters.capabilities import Capabilities
from conformance.adapters.gradients import of_weights
from conformance.adapters.layouts import Layout
from conformance.api.functions import EVERY_DTYPE, canonical, three
from conformance.api.layouts import LAYOUTS, bare, in_layout, names_of, of_row
from conformance.api.told import Told, arguments_for, arguments_of, parameters_of
from conformance.api.weights import placed
from conformance.case.errors import UnsupportedOption
from conformance.case.model import Case
from conformance.case.tensors import Inputs, Outputs, Weights


class TorchLayers:
    """conformance.api.layers.Kind for torch, whose module is given."""

    def __init__(self, torch: Any) -> None:
        self._torch = torch

    def versions(self) -> dict[str, str]:
        """torch's."""
        return {"torch": str(self._torch.__version__)}

    def padded_y(self, layer: Any, case: Case) -> PaddedY:
        """Zeros, as pad_packed_sequence has them."""
        return "zeros"

    def capabilities(self, maker: Any, told: Told) -> Capabilities:
        """By the names of nn.LSTM's arguments; and `lengths` and `mask` of `forward`."""
        packs = issubclass(maker, self._torch.nn.LSTM)
        names = set(_ARGUMENTS) if packs else set(parameters_of(maker))
        called = set(parameters_of(told.call or maker.forward))
        return Capabilities(
            dtypes=EVERY_DTYPE,
            directions=frozenset({"forward", "bidirectional"} if "bidirectional" in names else {"forward"}),
            max_layers=None if "num_layers" in names else 1,
            projection="proj_size" in names,
            lengths="each" if packs or called & {"lengths", "mask"} else "none",
            lengths_via=frozenset({"packed"}) if packs else frozenset(),
            min_length=1 if packs else 0,
            holes="mask" in called,
            batch_major="batch_first" in names or bool(told.batch_first),
            head=False,
            gradients=frozenset({"whole", "truncated"}) if told.gradients else frozenset(),
        )

    def made(self, maker: Any, case: Case, told: Told) -> Any:
        """A module of the class, with those of nn.LSTM's arguments that it has."""
        batch_first = case.layout == "batch_major" if told.batch_first is None else told.batch_first
        offered = {
            "input_size": case.I,
            "hidden_size": case.H,
            "num_layers": case.layers,
            "bias": case.bias,
            "batch_first": batch_first,
            "bidirectional": case.D == 2,
            "proj_size": case.P or 0,
        }
        if issubclass(maker, self._torch.nn.LSTM):
            if case.P is not None and case.P >= case.H:
                raise UnsupportedOption("torch: proj_size has to be smaller than hidden_size")
            return maker(**offered)
        return maker(**arguments_of(maker, offered, f"lambda case: {maker.__name__}(case.I, case.H)", told.name))

    def model(self, layer: Any, case: Case, weights: Weights, told: Told) -> Model:
        """The module in the case's dtype, with its weights, in evaluation mode."""
        from conformance.adapters import torch_gradients, torch_module

        layout = told.layout or LAYOUTS["torch"]
        layer = layer.to(torch_module.dtype_of(case)).eval()
        self._load(layer, layout, case, weights, told)
        called = _Called(layer, case, told, packs=isinstance(layer, self._torch.nn.LSTM))
        if case.has_loss:
            return _differentiated(called, case, layout, told, torch_gradients, torch_module)

        def model(inputs: Inputs) -> Outputs:
            given = {"x": inputs.x, "lengths": inputs.lengths, "mask": inputs.mask}
            if inputs.h0 is not None or inputs.c0 is not None:
                given |= zip(("h0", "c0"), zeros_if_absent(case, inputs), strict=True)
            tensors = {name: torch_module.to_torch(array) for name, array in given.items() if array is not None}
            with self._torch.no_grad():
                return canonical(case, told, called(**tensors), False)

        return model

    def _load(self, layer: Any, layout: Layout, case: Case, weights: Weights, told: Told) -> None:
        from conformance.adapters.torch_module import to_torch

        if told.load is not None:
            with self._torch.no_grad():
                told.load(layer, {n: to_torch(array) for n, array in in_layout(layout, case, weights).items()})
            return
        own = dict(layer.named_parameters())
        shapes = {name: tuple(parameter.shape) for name, parameter in own.items()}
        arrays = placed(layout, case, weights, shapes, told.name)
        with self._torch.no_grad():
            for name, array in arrays.items():
                own[name].copy_(to_torch(array))


_ARGUMENTS = ("input_size", "hidden_size", "num_layers", "bias", "batch_first", "bidirectional", "proj_size")


class _Called:
    """A module that is called time-major, as conformance.adapters.torch_gradients calls one: no head."""

    head = None

    def __init__(self, layer: Any, case: Case, told: Told, *, packs: bool) -> None:
        self.layer, self._case, self._told, self._packs = layer, case, told, packs
        own = getattr(layer, "batch_first", False)
        self._batch_first = bool(own) if told.batch_first is None else told.batch_first
        self._names = parameters_of(told.call or layer.forward)
        if case.masked and not packs and not {"lengths", "mask"} & set(self._names):
            raise UnsupportedOption(f"{told.name} takes neither lengths nor a mask")
        if case.skip is not None and "mask" not in self._names:
            raise UnsupportedOption(f"{told.name} takes no mask")
        if not told.layer_axis and case.layers * case.D > 1:
            raise UnsupportedOption(f"{told.name} has states of one layer and direction")

    def train(self) -> None:
        """Nothing: a dropout of the module's own would be switched on."""

    def zero_grad(self) -> None:
        """The module's."""
        self.layer.zero_grad()

    def __call__(self, x: Any, h0: Any = None, c0: Any = None, lengths: Any = None, mask: Any = None) -> Any:
        """y (T, B, .), h_n and c_n, from x (T, B, I), the states, lengths (B) and mask (T, B); None for what is not."""
        if mask is None and lengths is not None:
            import torch

            mask = torch.arange(x.shape[0])[:, None] < lengths
        if self._batch_first:
            x, mask = x.transpose(0, 1), None if mask is None else mask.transpose(0, 1)
        if not self._told.layer_axis and h0 is not None:
            h0, c0 = h0[0], c0[0]
        state = None if h0 is None else (h0, c0)
        y, h_n, c_n = three(self._result(x, state, lengths, mask), self._told.name)
        if self._batch_first:
            y = y.transpose(0, 1)
        if not self._told.layer_axis:
            h_n, c_n = (each[None] if each.ndim == 2 else each for each in (h_n, c_n))
        return y, h_n, c_n

    def _result(self, x: Any, state: Any, lengths: Any, mask: Any) -> Any:
        told = self._told
        if told.call is not None:
            h0, c0 = state or (None, None)
            offered = {"module": self.layer, "x": x, "state": state, "h0": h0, "c0": c0}
            offered |= {"lengths": lengths, "mask": mask}
            return told.call(**arguments_for(told.call, offered, self._absent(x), "call"))
        if self._packs and lengths is not None:
            return _packed(self.layer, x, state, lengths, self._batch_first)
        more = {name: given for name, given in (("lengths", lengths), ("mask", mask)) if given is not None}
        more = {name: given for name, given in more.items() if name in self._names}
        return self.layer(x, **more) if state is None else self.layer(x, state, **more)

    def _absent(self, x: Any) -> dict[str, Callable[[], Any]]:
        """What stands for what there is not, for a parameter of `call` without a default."""
        case, rows = self._case, x.shape[0 if self._batch_first else 1]
        first = (case.layers * case.D,) if self._told.layer_axis else ()

        def h0() -> Any:
            return x.new_zeros((*first, rows, case.output_size))

        def c0() -> Any:
            return x.new_zeros((*first, rows, case.H))

        return {"h0": h0, "c0": c0, "state": lambda: (h0(), c0())}


def _packed(layer: Any, x: Any, state: Any, lengths: Any, batch_first: bool) -> Any:
    from torch.nn.utils import rnn

    steps = x.shape[1 if batch_first else 0]
    y, states = layer(rnn.pack_padded_sequence(x, lengths, batch_first, False), state)
    return rnn.pad_packed_sequence(y, batch_first, total_length=steps)[0], states


def _differentiated(
    called: _Called, case: Case, layout: Layout, told: Told, torch_gradients: Any, torch_module: Any
) -> Model:
    """What computes outputs and gradients.

    Raises:
        UnsupportedOption: its weights are set by a function, so that nothing says which gradient is whose.
    """
    if told.load is not None:
        raise UnsupportedOption(f"{told.name} has its weights from load=, so its gradients have no names here")
    if case.skip is not None:
        raise UnsupportedOption(f"{told.name}: gradients are checked without holes")
    plain = bare(layout)
    timed = case.model_copy(update={"layout": "time_major"})

    def weight_gradients(_: Any, case: Case) -> Outputs:
        own = {
            name: np.zeros(tuple(p.shape), case.np_dtype) if p.grad is None else torch_module.to_numpy(p.grad)
            for name, p in called.layer.named_parameters()
        }
        rows = []
        for row in range(case.layers * case.D):
            names = zip(names_of(of_row(layout, case, row)), names_of(plain), strict=True)
            rows.append({base: own[name] for name, base in names if name in own})
        return of_weights(case, plain, rows)

    def model(inputs: Inputs) -> Outputs:
        found: Outputs = torch_gradients.outputs_of(called, timed, inputs, "cpu", weight_gradients)
        return found

    return model
