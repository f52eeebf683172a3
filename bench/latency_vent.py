"""How much computing lies between an over-pressure status and the vent that answers it.

Theory of operation
-------------------
A whole bedside in virtual time holds a cuff; then, many thousand times, a gate just as it stood is given the
bytes of a status that shows far too much pressure.  The time is that of this thread's processor, from the
bytes of the status to the bytes of the vent: decoding, the rule, the order, its frame.  The whole judgement,
which comes after the vent, is not part of it and is left out by an exception.  The gate is a deep copy each
time, so that every vent is the first; the caches of the processor are as a copy leaves them.  The garbage
collector is kept for between: its pauses are measured in the running core.

Units: 0.1 mmHg, us.
"""

import copy
import gc
import tempfile
import time
from pathlib import Path

from gateway.runtime.core import Core
from gateway.runtime.gate import VENT
from tests.runtime.conftest import READINGS_MS, People
from tests.runtime.over_pressure import status

FAR_TOO_MUCH_DMMHG = 3_201
_BETWEEN_COLLECTIONS = 200


class _Left(Exception):
    """The vent has left; the rest of the turn is not what is measured."""


def vent_compute_us(times: int, part: float = 0.9999) -> float:
    """The processor time that this part of so many vents does not exceed."""
    ordered = sorted(vent_times_ns(times))
    return ordered[min(times - 1, int(times * part))] / 1000


def vent_times_ns(times: int) -> list[int]:
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


def _timed(core: Core, frame: bytes, now: int, times: int) -> list[int]:
    gate, found = core.gate, list[int]()
    began = 0

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
            try:
                core.cuff_bytes(frame, now)
            except _Left:
                continue
            raise AssertionError("an over-pressure that leads to no vent")
    finally:
        gc.enable()
        core.gate = gate
    return found
