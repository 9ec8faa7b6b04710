"""The options of an LSTM as frozen models. docs/equations.md says what each means and who defined it."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    WithJsonSchema,
    model_validator,
)

from conformance.case.dtypes import NOISE_ALLOWED
from conformance.case.text import shortened

Direction = Literal["forward", "reverse", "bidirectional"]
Coupling = Literal["forget=1-input", "input=1-forget"]
LayerNorm = Literal["basic-lstm-cell", "nnapi"]
ClipReading = Literal["gates", "all"]
PeepholeReading = Literal["new-cell", "previous-cell"]
"""The cell state that the output gate's peephole sees: the one after the step, or the one before it."""
LengthsVia = Literal["argument", "packed", "packed-sorted", "upstream"]
GradientKind = Literal["whole", "truncated"]
ActivationName = Literal[
    "sigmoid",
    "tanh",
    "relu",
    "hard_sigmoid",
    "affine",
    "leaky_relu",
    "thresholded_relu",
    "scaled_tanh",
    "elu",
    "softsign",
    "softplus",
    "linear",
]
PARAMETERS: dict[str, tuple[str, ...]] = {
    "hard_sigmoid": ("alpha", "beta"),
    "affine": ("alpha", "beta"),
    "leaky_relu": ("alpha",),
    "thresholded_relu": ("alpha",),
    "scaled_tanh": ("alpha", "beta"),
    "elu": ("alpha",),
}
"""The parameters each activation takes; one that is not listed takes none."""

DEFAULTS: dict[str, dict[str, dict[str, float]]] = {
    "onnx": {
        "hard_sigmoid": {"alpha": 0.2, "beta": 0.5},
        "leaky_relu": {"alpha": 0.01},
        "thresholded_relu": {"alpha": 1.0},
        "elu": {"alpha": 1.0},
    },
    "keras": {
        "hard_sigmoid": {"alpha": 1 / 6, "beta": 0.5},
        "leaky_relu": {"alpha": 0.2},
        "elu": {"alpha": 1.0},
    },
}
"""The documented defaults of parameters that are left out: those of the ONNX operators of the same names, and those of
keras.activations. An activation that is not listed has no default there."""


_FRACTION = "[-+]?[0-9]{1,40}/[0-9]{1,40}"


def _number(value: Any) -> Any:
    """Accept "1/6" where a number is meant: the float64 nearest to the fraction."""
    if isinstance(value, str) and "/" in value:
        problem = f"{shortened(repr(value))} is not a fraction of two whole numbers with at most 40 digits each"
        if re.fullmatch(_FRACTION, value) is None:
            raise ValueError(problem)
        try:
            return float(Fraction(value))
        except ZeroDivisionError as error:
            raise ValueError(problem) from error
    return value


def _listed(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


_NUMBER_SCHEMA = {"anyOf": [{"type": "number"}, {"type": "string", "pattern": f"^{_FRACTION}$"}]}
Number = Annotated[float, BeforeValidator(_number), WithJsonSchema(_NUMBER_SCHEMA)]
Finite = Annotated[Number, Field(allow_inf_nan=False)]
Positive = Annotated[Finite, Field(gt=0)]
Item = TypeVar("Item")
Listed = Annotated[tuple[Item, ...], BeforeValidator(_listed)]
"""A tuple in the model, a list in YAML."""


class Frozen(BaseModel):
    """Base of every model: immutable; unknown keys are refused, and so are text, true and false in place of numbers."""

    # Strict: a value of another type is refused, except a whole number for a float. NaN survives JSON.
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, ser_json_inf_nan="constants")


class Activation(Frozen):
    """One activation function with its parameters: `{name: hard_sigmoid, alpha: 1/6, beta: 0.5}`, or just a name.

    `defaults`: the framework is called without alpha and beta, and must use those its documentation promises.
    """

    name: ActivationName
    alpha: Finite | None = None
    beta: Finite | None = None
    defaults: Literal["onnx", "keras"] | None = None

    @model_validator(mode="before")
    @classmethod
    def _from_name(cls, value: Any) -> Any:
        if isinstance(value, str):
            return {"name": value}
        if isinstance(value, dict) and isinstance(value.get("defaults"), str) and isinstance(value.get("name"), str):
            known = DEFAULTS.get(value["defaults"], {}).get(value["name"], {})
            return known | {key: given for key, given in value.items() if given is not None}
        return value

    @model_validator(mode="after")
    def _defaults_are_those(self) -> Activation:
        if self.defaults is None:
            return self
        known = DEFAULTS[self.defaults].get(self.name)
        if known is None:
            have = ", ".join(DEFAULTS[self.defaults])
            raise ValueError(f"{self.defaults} defines no default parameters for {self.name}, only for {have}")
        if any(getattr(self, parameter) != value for parameter, value in known.items()):
            raise ValueError(f"with defaults: {self.defaults}, leave alpha and beta out; they are {known}")
        return self

    @model_validator(mode="after")
    def _parameters_fit(self) -> Activation:
        takes = PARAMETERS.get(self.name, ())
        for parameter in ("alpha", "beta"):
            given = getattr(self, parameter) is not None
            if given and parameter not in takes:
                raise ValueError(f"{self.name} takes no {parameter}")
            if not given and parameter in takes:
                raise ValueError(f"{self.name} needs {parameter}: frameworks disagree on its default")
        return self

    def __str__(self) -> str:
        given = [f"{v:.9g}" for v in (self.alpha, self.beta) if v is not None]
        text = f"{self.name}({', '.join(given)})" if given else self.name
        return f"{text} by default of {self.defaults}" if self.defaults else text


class Activations(Frozen):
    """S (`gate`: the input, forget and output gates), G (`cell`: the candidate) and Hh (`hidden`: of c_t)."""

    gate: Activation = Activation(name="sigmoid")
    cell: Activation = Activation(name="tanh")
    hidden: Activation = Activation(name="tanh")

    def __str__(self) -> str:
        return f"{self.gate}, {self.cell}, {self.hidden}"


class GateClip(Frozen):
    """Bounds activation inputs to +-bound. `gates`: only the four pre-activations; `all`: also the input of Hh(c_t)."""

    bound: Positive
    reading: ClipReading


class Poison(Frozen):
    """Replaces one element of the named tensor (`x`, `h0`, `W.0`, ...), at an index, by a value."""

    tensor: str
    at: Listed[int]
    value: Number


class Head(Frozen):
    """A dense layer of O outputs on y: after every step, or after the last step only.

    `softmax`: its probabilities are an output. `cross_entropy`: so is the mean cross-entropy of softmax(logits) against
    `Case.targets`.
    """

    O: int = Field(ge=1)
    after: Literal["every_step", "last_step"] = "every_step"
    softmax: bool = False
    cross_entropy: bool = False


def _noise_term(value: Any) -> str:
    return "off" if value is None else "word" if value == "default" else "number"


_NoiseTerm = Annotated[
    Annotated[Literal["default"], Tag("word")] | Annotated[Positive, Tag("number")] | Annotated[None, Tag("off")],
    Discriminator(_noise_term),
]


class Tolerance(Frozen):
    """How far an element may be from its golden value: the largest of `noise`, `absolute` + `relative`, and `ulp`.

    `noise` applies unless it is set to null, so another term can only widen the tolerance.

    `noise` is in noise units (docs/noise-units.md); `default` stands for that of the format the answer is judged in.
    `absolute` is in the tensor's own unit, `relative` times |golden|, `ulp` in units in the last place of the case's
    dtype at the golden value.
    """

    noise: _NoiseTerm = "default"
    absolute: Positive | None = None
    relative: Positive | None = None
    ulp: Positive | None = None

    @model_validator(mode="after")
    def _some_term(self) -> Tolerance:
        if not any((self.noise, self.absolute, self.relative, self.ulp)):
            raise ValueError("a tolerance needs at least one term: noise, absolute, relative or ulp")
        return self

    def terms(self, precision: str) -> dict[str, float]:
        """The terms that apply, by name, for an answer judged in a format."""
        noise = NOISE_ALLOWED[precision] if self.noise == "default" else self.noise
        given = {"noise": noise, "absolute": self.absolute, "relative": self.relative, "ulp": self.ulp}
        return {name: value for name, value in given.items() if value is not None}
