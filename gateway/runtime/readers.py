"""Where core's own reading of an examination runs: beside core, never in its cycle.

Theory of operation
-------------------
Reading five runs of five minutes takes the better part of a second here and some seconds on a small
computer; core turns every 50 ms.  So core starts a process of its own code for it, as ``rvos core`` does
everything else without a network and without a device: it inherits two files in memory and nothing more, one
to read the question from and one to write the answer to.  Whatever happens to it (it dies, it hangs, it
writes nonsense), core has no answer, and nothing may rely on the examination.

It may run at core's own priority, which a process in the service's sandbox cannot lower.  So it lives only
while the cuff is vented: ``gateway.runtime.exam_results`` ends it when an inflation begins.

``InThisProcess`` is for virtual time, where nothing waits.

Units: bytes.
"""

import os
import subprocess
import sys
from pathlib import Path
from typing import IO, Protocol

import gateway
from gateway.runtime import own_reading

_ROOT = str(Path(gateway.__file__).parents[1])
LONGEST_ANSWER = 4_000_000
_killed: "list[subprocess.Popen[bytes]]" = []
"""Processes that were killed and may not have gone yet: core does not wait for that."""


class Reading(Protocol):
    """One reading under way, or over."""

    def poll(self) -> bytes | None:
        """The answer, empty where there will be none; ``None`` as long as it is under way."""

    def give_up(self) -> None:
        """End it; there will be no answer."""


class Reader(Protocol):
    """Begins readings."""

    def begin(self, question: bytes) -> Reading:
        """Begin one; never raises."""


class _There:
    """An answer that is there already."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer

    def poll(self) -> bytes | None:
        return self._answer

    def give_up(self) -> None:
        self._answer = b""


class InThisProcess:
    """Reads at once, in the caller's time: for a simulation, whose clock stands meanwhile."""

    def begin(self, question: bytes) -> Reading:
        """The answer is there when this returns."""
        return _There(own_reading.read(question))


class InItsOwnProcess:
    """Reads in a new process of the same code."""

    def begin(self, question: bytes) -> Reading:
        """Start it; a machine that cannot has no answer."""
        _killed[:] = [one for one in _killed if one.poll() is None]
        try:
            return _Process(question)
        except OSError:
            return _There(b"")


class _Process:
    """A process that reads one question, and the file in memory that it writes its answer to."""

    def __init__(self, question: bytes) -> None:
        self._answer: bytes | None = None
        with open(os.memfd_create("rvos-question"), "w+b", buffering=0) as asks:
            asks.write(question)
            asks.seek(0)
            self._file = open(os.memfd_create("rvos-answer"), "w+b")  # noqa: SIM115
            try:
                self._process = _started(asks, self._file)
            except OSError:
                self._file.close()
                raise

    def poll(self) -> bytes | None:
        if self._answer is None and self._process.poll() is not None:
            self._file.seek(0)
            whole = self._process.returncode == 0
            self._end(self._file.read(LONGEST_ANSWER) if whole else b"")
        return self._answer

    def give_up(self) -> None:
        if self._answer is None:
            self._process.kill()
            _killed.append(self._process)
            self._end(b"")

    def _end(self, answer: bytes) -> None:
        self._answer = answer
        self._file.close()


def _started(question: IO[bytes], answer: IO[bytes]) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-m", own_reading.__name__],
        stdin=question,
        stdout=answer,
        stderr=subprocess.DEVNULL,
        cwd="/",
        env={"PYTHONPATH": _ROOT, "PYTHONDONTWRITEBYTECODE": "1", "LANG": "C.UTF-8"},
    )
