"""Adapters that misbehave while they are loaded: `loads-badly@WAY`, and what an entry point may wrongly lead to."""

import os
import sys
import time

from conformance.adapters.numpy_reference import NumpyReference


class Unreadable(Exception):
    def __str__(self):
        raise ValueError


class Panic(BaseException):
    """As a framework written in Rust raises it."""


class Text(str):
    """As PyTorch has one for its version."""

    __slots__ = ()


class LoadsBadly(NumpyReference):
    name = "loads-badly"
    devices = frozenset({"exits", "raises-a-surrogate", "raises-unreadable", "panics", "hangs", "forgets-its-device",
                         "versions-none", "versions-list", "versions-raise", "versions-odd"})  # fmt: skip

    def __init__(self, device="cpu"):
        if device == "forgets-its-device":
            return
        super().__init__(device)
        if device == "exits":
            sys.exit("no licence")
        if device == "raises-a-surrogate":
            raise RuntimeError("cannot read /models/caf\udce9")
        if device == "raises-unreadable":
            raise Unreadable
        if device == "panics":
            raise Panic("index out of bounds")
        if device == "hangs":
            time.sleep(3600)

    @property
    def versions(self):
        if self.device == "versions-raise":
            raise ImportError("no metadata")
        return {
            "versions-none": {"acme": None},
            "versions-list": ["acme", "1.0"],
            "versions-odd": {Text("acme"): Text("1.0 caf\udce9")},
        }.get(self.device, super().versions)


class Nameless(NumpyReference):
    name = property()


class ExitsLoading(NumpyReference):
    name = "exits-loading"

    def __init__(self, device="cpu"):
        print("cannot map device memory", flush=True)
        os._exit(7)


class ConstructorRaises(NumpyReference):
    name = "constructor-raises"

    def __init__(self, device="cpu"):
        raise RuntimeError("driver too old")


def not_a_class(device):
    return None
