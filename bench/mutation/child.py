"""A forked process that does one thing, answers with a line of text, and ends without cleaning up.

Theory of operation
-------------------
A child inherits everything that its parent has loaded and may spoil all of it.  What it writes to stdout and
stderr is thrown away, except the traceback of a failure of its own: that is no answer, and the parent raises
``ChildBroken`` instead of taking it for one.
"""

import os
import traceback
from collections.abc import Callable

_BROKEN = 70


class ChildBroken(RuntimeError):
    """A child failed in a way that nobody planted; its traceback stands on stderr."""


class Child:
    """One forked process. ``live`` runs in it and returns the answer."""

    def __init__(self, live: Callable[[], str]) -> None:
        reader, writer = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(reader)
            _live(live, writer)
        os.close(writer)
        self._reader = reader

    def answer(self, status: int | None = None) -> tuple[str, int | None]:
        """What it said, and the signal that killed it. Waits, unless ``status`` is from ``os.wait``.

        Raises ChildBroken when it could not do what it was made for.
        """
        with os.fdopen(self._reader, "rb") as said:
            text = said.read().decode()
        if status is None:
            status = os.waitpid(self.pid, 0)[1]
        if os.WIFSIGNALED(status):
            return text, os.WTERMSIG(status)
        if os.WEXITSTATUS(status):
            raise ChildBroken("a child process failed: its traceback stands above")
        return text, None


def _live(live: Callable[[], str], writer: int) -> None:
    loud, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    ended = _BROKEN
    try:
        os.write(writer, live().encode())
        ended = 0
    finally:
        if ended:
            os.dup2(loud, 2)
            traceback.print_exc()
        os._exit(ended)
