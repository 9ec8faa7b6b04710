"""Detects copies of a worker: an adapter may fork its process, but must end the copy before it returns to the suite.

A copy that returns would continue as a second worker on the same connection. It is ended instead, and the case in which
it was made reports it.
"""

from __future__ import annotations

import contextlib
import os
import select

CAME_BACK = "the adapter forked its process and let the copy return too; the copy must end itself, with os._exit()"
_WAIT_SECONDS = 0.5
"""A copy may be slower than the process it was made from. A copy that stays alive costs this time, once."""


class Copies:
    """The copies made from this process from now on, as far as os.fork makes them."""

    def __init__(self) -> None:
        self._pid = os.getpid()
        self._pipes: list[tuple[int, int]] = []
        self._new: list[int] = []
        self._older: list[int] = []
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(before=self._prepare, after_in_parent=self._note)

    def _prepare(self) -> None:
        # The copy holds the write end until it ends or executes another program; then the read end sees end of file.
        self._pipes.append(os.pipe())

    def _note(self) -> None:
        reading, writing = self._pipes.pop()
        os.close(writing)
        self._new.append(reading)

    def end_if_copy(self) -> None:
        """Call this after every call of an adapter: a copy reports that it returned, and ends here."""
        if os.getpid() != self._pid:
            with contextlib.suppress(IndexError, OSError):  # C code made it, unnoticed; its parent is gone
                os.write(self._pipes[-1][1], b"!")
            os._exit(0)

    def came_back(self) -> bool:
        """Whether a copy has returned since this was last called."""
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
