"""Paddle's nn.LSTM on the CPU in three ways: eager, compiled by jit.to_static, and saved for paddle.inference.

    the layer        https://www.paddlepaddle.org.cn/documentation/docs/en/api/paddle/nn/LSTM_en.html
    jit.to_static    .../api/paddle/jit/to_static_en.html
    jit.save         .../api/paddle/jit/save_en.html
    inference        https://www.paddlepaddle.org.cn/inference/master/api_reference/python_api_doc/python_api_index.html

- Directions are "forward" and "bidirect"; states are given both or left out; `time_major` chooses the layout;
  `proj_size` has to be smaller than the hidden size.
- With `sequence_length`, int32 or int64, "the inputs are treated as padded sequences". What the outputs hold at a
  padded step is not documented.
- The layer computes in the default dtype; on the CPU that is float32 or float64.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from conformance.adapters import batch_major
from conformance.adapters.base import Adapter, Model, PaddedY, zeros_if_absent
from conformance.adapters.capabilities import Capabilities
from conformance.case.model import Case
from conformance.case.tensors import Array, Inputs, Outputs, Weights


class Paddle(Adapter):
    """paddle.nn.LSTM, eager."""

    name = "paddle"
    capabilities = Capabilities(
        dtypes=frozenset({"float32", "float64"}),
        directions=frozenset({"forward", "bidirectional"}),
        lengths="each",
        min_length=0,
        lengths_via=frozenset({"argument"}),
        batch_major=True,
        projection=True,
        softmax=True,
        cross_entropy=True,
        gradients=frozenset({"whole", "truncated"}),
    )

    def __init__(self, device: str = "cpu") -> None:
        super().__init__(device)
        import paddle

        from conformance.engines import paddle_gradients, paddle_module

        paddle.set_device("cpu")
        self._paddle: Any = paddle
        self._module = paddle_module
        self._gradients = paddle_gradients

    @property
    def versions(self) -> dict[str, str]:
        """Paddle's, by the name of its package."""
        return {"paddlepaddle": str(self._paddle.__version__)}

    @property
    def settings(self) -> dict[str, str]:
        """Whether oneDNN computes, and what may make results differ from run to run."""
        names = ("FLAGS_use_onednn", "FLAGS_cpu_deterministic")
        found = self._paddle.get_flags(list(names))
        return {f"paddle.{name.removeprefix('FLAGS_')}": "on" if found[name] else "off" for name in names}

    def padded_y(self, case: Case) -> PaddedY:
        """Nothing is documented."""
        return "undefined"

    def compiled(self, module: Any) -> Callable[..., Any]:
        """What is called in place of the module: here the module itself."""
        called: Callable[..., Any] = module
        return called

    def prepare(self, case: Case, weights: Weights) -> Model:
        """The module with these weights."""
        module = self._module.build(case, weights)
        call = self.compiled(module)
        tensor = self._paddle.to_tensor

        def model(inputs: Inputs) -> Outputs:
            if case.has_loss:
                found: Outputs = self._gradients.outputs_of(module, call, case, inputs)
                return found
            with self._paddle.no_grad():
                outputs = call(**{name: tensor(array) for name, array in _given(case, inputs).items()})
            return batch_major.canonical(case, [np.array(each.numpy()) for each in outputs])

        return model


class PaddleStatic(Paddle):
    """The same module, compiled by paddle.jit.to_static."""

    name = "paddle-static"

    def compiled(self, module: Any) -> Callable[..., Any]:
        """The module as a program."""
        call: Callable[..., Any] = self._paddle.jit.to_static(module, full_graph=True)
        return call


class PaddleInference(Paddle):
    """The same module, saved by paddle.jit.save and run by a predictor of paddle.inference with its defaults."""

    name = "paddle-inference"
    # What the layer has and this lacks is not asked of a predictor: docs/adapters.md#what-is-not-asked.
    capabilities = Capabilities(
        dtypes=frozenset({"float32", "float64"}),
        directions=frozenset({"forward", "bidirectional"}),
        lengths="each",
        min_length=0,
        lengths_via=frozenset({"argument"}),
        batch_major=True,
        softmax=True,
    )

    def __init__(self, device: str = "cpu") -> None:
        super().__init__(device)
        import paddle.inference

        self._inference = paddle.inference

    def prepare(self, case: Case, weights: Weights) -> Model:
        """A predictor; another one for the first block of a stream that begins without states."""
        module = self._module.build(case, weights)
        predictors: dict[tuple[str, ...], Any] = {}

        def model(inputs: Inputs) -> Outputs:
            given = _given(case, inputs)
            if (names := tuple(given)) not in predictors:
                predictors[names] = self._predictor(module, given)
            predictor = predictors[names]
            for name, array in given.items():
                predictor.get_input_handle(name).copy_from_cpu(array)
            predictor.run()
            handles = [predictor.get_output_handle(name) for name in predictor.get_output_names()]
            return batch_major.canonical(case, [np.array(handle.copy_to_cpu()) for handle in handles])

        return model

    def _predictor(self, module: Any, given: dict[str, Array]) -> Any:
        """The module for inputs like these, with T and B left open."""
        spec = self._paddle.static.InputSpec
        open_axes = {"x": (0, 1), "h0": (1,), "c0": (1,), "lengths": (0,)}
        wanted = [
            spec([None if n in axes else size for n, size in enumerate(given[name].shape)], given[name].dtype, name)
            if name in given
            else None
            for name, axes in open_axes.items()
        ]
        with tempfile.TemporaryDirectory() as folder:
            path = str(Path(folder) / "model")
            self._paddle.jit.save(module, path, input_spec=wanted)
            config = self._inference.Config(path + ".json", path + ".pdiparams")
            config.disable_glog_info()
            return self._inference.create_predictor(config)


def _given(case: Case, inputs: Inputs) -> dict[str, Array]:
    """The arguments of the module; both states or neither."""
    found = {"x": batch_major.given(case, inputs.x)}
    if inputs.h0 is not None or inputs.c0 is not None:
        found |= zip(("h0", "c0"), zeros_if_absent(case, inputs), strict=True)
    if inputs.lengths is not None:
        found["lengths"] = inputs.lengths
    return {name: np.array(array, order="C") for name, array in found.items()}
