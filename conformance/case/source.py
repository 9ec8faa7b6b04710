"""Sources of numbers: a source says how one tensor is filled. conformance.golden.inputs does it.

Every source gives the same bytes on every processor and with every version of NumPy.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import (
    Field,
    ModelWrapValidatorHandler,
    PrivateAttr,
    SerializerFunctionWrapHandler,
    ValidationInfo,
    model_serializer,
    model_validator,
)

from conformance.case.files import SpecFolder, digest_of, tensor_from
from conformance.case.options import Finite, Frozen, Number, Positive
from conformance.case.text import shortened

if TYPE_CHECKING:
    from numpy.typing import NDArray

Seed = int


class Uniform(Frozen):
    """Uniform on [low, high), or on +-gain / sqrt(n) with n the length of the tensor's last axis.

    `grid`: round to multiples of 2**-grid, so that sums of two such numbers are exact.
    """

    low: Finite | None = None
    high: Finite | None = None
    gain: Positive | None = None
    grid: int | None = Field(default=None, ge=0, le=40)
    seed: Seed | None = None

    @model_validator(mode="after")
    def _one_range(self) -> Uniform:
        if self.gain is not None and (self.low, self.high) == (None, None):
            return self
        if self.gain is None and self.low is not None and self.high is not None and self.low < self.high:
            return self
        raise ValueError("give either low and high (low < high), or gain alone")


class Normal(Frozen):
    """Normal numbers, each the correctly rounded value of a Box-Muller transform of random bits."""

    mean: Finite = 0.0
    deviation: Positive = 1.0
    seed: Seed | None = None


class Integers(Frozen):
    """Whole numbers, each of low..high (both included) equally likely."""

    low: int = Field(ge=-(2**31), lt=2**31)
    high: int = Field(ge=-(2**31), lt=2**31)
    seed: Seed | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Integers:
        if self.low > self.high:
            raise ValueError("low must not be greater than high")
        return self


class Ramp(Frozen):
    """(first + n) / divisor for the n-th element in row-major order, each correctly rounded."""

    first: int = Field(ge=-(2**53), le=2**53)
    divisor: int = Field(default=1, ge=1, le=2**53)


class Source(Frozen):
    """Exactly one way to fill a tensor.

    `values` have the tensor's own shape, or for weights and states a leading axis of layers * directions.
    `torch`: numbers of PyTorch's CPU generator in the order of the usual script: `torch.manual_seed(torch_seed)`, then
    `nn.LSTM(...)` (`default`), then the head's `nn.Linear(...)` (`default`), then x, h0, c0 (`rand` or `randn`).
    `keras`: an initialiser of keras.initializers, fed by this suite's own random bits.
    `file`: a safetensors file below the spec's folder, with the tensor by its name in the case, such as `W.0` or `x`;
    `sha256`: of its content, filled in when the spec is read.
    """

    values: list[Any] | None = None
    constant: Number | None = None
    uniform: Uniform | None = None
    normal: Normal | None = None
    integers: Integers | None = None
    ramp: Ramp | None = None
    torch: Literal["default", "rand", "randn"] | None = None
    keras: Literal["glorot_uniform", "orthogonal", "zeros", "unit_forget_bias"] | None = None
    file: str | None = None
    seed: Seed | None = None
    sha256: str | None = Field(default=None, pattern="^[0-9a-f]{64}$")
    _folder: Path | None = PrivateAttr(default=None)

    @model_validator(mode="wrap")
    @classmethod
    def _with_digest(cls, given: Any, read: ModelWrapValidatorHandler[Source], info: ValidationInfo) -> Source:
        file = given.get("file") if isinstance(given, dict) else None
        if not (isinstance(info.context, SpecFolder) and isinstance(file, str)):
            return read(given)
        found = digest_of(file, info.context.path)
        if given.get("sha256", found) != found:
            raise ValueError(f"file: {shortened(file)} has the SHA-256 {found}, which is not the one given")
        source = read({**given, "sha256": found})
        source._folder = info.context.path.resolve()
        return source

    def from_file(self, tensor: str) -> NDArray[Any]:
        """A tensor of the file, as it is stored.

        Raises:
            GenerationError: the file is not there any more, has other content or has no such tensor.
        """
        assert self.file is not None
        return tensor_from(self.file, self._folder, self.sha256, tensor)

    @model_serializer(mode="wrap")
    def _as_before(self, serialized: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Without the keys of a file where there is none, so that the digests of other cases stay as they are."""
        fields: dict[str, Any] = serialized(self)
        return fields if self.file is not None else {k: v for k, v in fields.items() if k not in ("file", "sha256")}

    @model_validator(mode="after")
    def _exactly_one(self) -> Source:
        given = [name for name in KINDS if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"a source needs exactly one of {', '.join(KINDS)}; got {', '.join(given) or 'none'}")
        if self.seed is not None and self.keras not in ("glorot_uniform", "orthogonal"):
            raise ValueError("seed here is only for the random keras initialisers; other sources have their own")
        if self.sha256 is not None and self.file is None:
            raise ValueError("sha256 is for a file")
        return self

    @property
    def kind(self) -> str:
        """The name of the one field that is given."""
        return next(name for name in KINDS if getattr(self, name) is not None)


KINDS = ("values", "constant", "uniform", "normal", "integers", "ramp", "torch", "keras", "file")
