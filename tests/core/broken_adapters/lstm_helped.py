"""Adapters that several workers may run at a time, or must not; each notes its process with every case."""

import os
import time
from pathlib import Path

import numpy as np
from lstm_broken import Noting

SECONDS = 60.0


class Helped(Noting):
    """In the case `waits` it waits until another process of it has ended in a case, and a third has begun."""

    name = "helped"
    devices = frozenset({"cpu", "board"})

    def prepare(self, case, weights):
        self.note(f"{case.id} in {os.getpid()}")
        model = super(Noting, self).prepare(case, weights)
        if self.way == "waits":
            until = time.monotonic() + SECONDS
            while not self.seen() and time.monotonic() < until:
                time.sleep(0.02)
        return model

    def seen(self) -> bool:
        return sum(line.startswith("start") for line in self.notes()) > 2

    def notes(self) -> list[str]:
        return Path(os.environ["LSTM_BROKEN_NOTES"]).read_text().splitlines()


class HelpedAlone(Helped):
    """It has something to itself."""

    name = "helped-alone"
    alone = True


class Differs(Helped):
    """Each process has another version, and waits until there are two."""

    name = "differs"

    def seen(self) -> bool:
        return sum(line.startswith("start") for line in self.notes()) > 1

    @property
    def versions(self):
        return {"lstm-broken": str(os.getpid()), "numpy": np.__version__}
