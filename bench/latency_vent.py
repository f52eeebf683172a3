"""How much computing lies between an over-pressure status and the vent that answers it.

Theory of operation
-------------------
A whole bedside in virtual time holds a cuff; then, many thousand times, a gate just as it stood is given the
bytes of a status that shows far too much pressure.  The time is that of this thread's processor, from the
bytes of the status to the bytes of the vent: decoding, the rule, the order, its frame.  The whole judgement,
which comes after the vent, is not part of it and is left out by an exception.  The gate is a deep copy each
time, so that every vent is the first; the caches of the processor are as a copy leaves them.  The garbage
collector is kept for between: its pauses are measured in the running core.

Beside it, in turn and after the same copy, a plain loop that takes as long as the median vent: the tail that
it has is the machine's (interrupts count as this thread's time, and so do the caches that they empty).

Units: 0.1 mmHg, us.
"""

import copy
import gc
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from gateway.runtime.core import Core
from gateway.runtime.gate import VENT
from tests.runtime.conftest import READINGS_MS, People
from tests.runtime.over_pressure import status

FAR_TOO_MUCH_DMMHG = 3_201
_BETWEEN_COLLECTIONS = 200


class _Left(Exception):
    """The vent has left; the rest of the turn is not what is measured."""


class Times(NamedTuple):
    """Of each vent, and of the plain loop after it."""

    vents_ns: list[int]
    loops_ns: list[int]


def vent_compute_us(times: int, part: float = 0.9999) -> tuple[float, float]:
    """The processor time that this part of so many vents does not exceed, and the same of the loop."""
    last = min(times - 1, int(times * part))
    vents, loops = (sorted(one)[last] / 1000 for one in vent_times_ns(times))
    return vents, loops


def vent_times_ns(times: int) -> Times:
    """Each of so many vents."""
    with tempfile.TemporaryDirectory(prefix="rvos-vent-") as folder:
        people = People(Path(folder) / "journal.db")
        try:
            people.bedside.run(READINGS_MS)
            people.start()
            people.run_until("holding")
            frame = status(people, FAR_TOO_MUCH_DMMHG)
            core = people.bedside.core
            assert core is not None
            return _timed(core, frame, people.bedside.core_ms, times)
        finally:
            people.bedside.close()


def _timed(core: Core, frame: bytes, now: int, times: int) -> Times:
    gate, found, loops = core.gate, list[int](), list[int]()
    began = steps = 0

    def send() -> None:
        said = core.outgoing(now)
        found.append(time.thread_time_ns() - began)
        if not said.startswith(VENT):
            raise AssertionError(f"no vent, but {said.hex()}")
        raise _Left

    core.send_now = send
    gc.disable()
    try:
        for number in range(times):
            if number % _BETWEEN_COLLECTIONS == 0:
                gc.collect()
            core.gate = copy.deepcopy(gate)
            began = time.thread_time_ns()
            with suppress(_Left):
                core.cuff_bytes(frame, now)
                raise AssertionError("an over-pressure that leads to no vent")
            if number < _BETWEEN_COLLECTIONS:
                steps = _as_long_as(sorted(found)[len(found) // 2])
            core.gate = copy.deepcopy(gate)
            loops.append(_looped_ns(steps))
    finally:
        gc.enable()
        core.gate = gate
    return Times(found, loops)


def _as_long_as(wanted_ns: int) -> int:
    """How many steps of the loop take so long, at its best."""
    best_ns = min(_looped_ns(1_000) for _ in range(5))
    return max(1, 1_000 * wanted_ns // best_ns)


def _looped_ns(steps: int) -> int:
    began = time.thread_time_ns()
    for _ in range(steps):
        pass
    return time.thread_time_ns() - began
