"""Copies of a worker: an adapter may fork its process, but must end the copy before that comes back to the suite.

A copy that comes back would go on as a second worker on the same connection. It is ended instead, and the case in which
it was made is told of it.
"""

from __future__ import annotations

import contextlib
import os
import select

CAME_BACK = "the adapter forked its process and let the copy come back too; the copy must end there, with os._exit()"
_WAIT_SECONDS = 0.5
"""A copy may be slower than the process it is of. One that is there to stay costs this time, once."""


class Copies:
    """Those that are made of this process from now on, as far as os.fork makes them."""

    def __init__(self) -> None:
        self._pid = os.getpid()
        self._pipes: list[tuple[int, int]] = []
        self._new: list[int] = []
        self._older: list[int] = []
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(before=self._prepare, after_in_parent=self._note)

    def _prepare(self) -> None:
        # The copy has the end to write to until it ends or becomes another program: then there is an end of file.
        self._pipes.append(os.pipe())

    def _note(self) -> None:
        reading, writing = self._pipes.pop()
        os.close(writing)
        self._new.append(reading)

    def end_if_copy(self) -> None:
        """To be called whenever an adapter has been: a copy says that it came back, and ends here."""
        if os.getpid() != self._pid:
            with contextlib.suppress(IndexError, OSError):  # C code made it, unnoticed; the process it is of is gone
                os.write(self._pipes[-1][1], b"!")
            os._exit(0)

    def came_back(self) -> bool:
        """Whether a copy has come back since this was last asked."""
        new, self._new = self._new, []
        watched, self._older = [*self._older, *new], []
        found = False
        while watched:
            ready, _, _ = select.select(watched, [], [], _WAIT_SECONDS if new else 0.0)
            if not ready:
                break
            for reading in ready:
                found |= os.read(reading, 1) != b""
                os.close(reading)
                watched.remove(reading)
            new = [reading for reading in new if reading in watched]
        self._older = watched
        return found
