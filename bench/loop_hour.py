"""An hour of closed loop in virtual time: ``python -m bench.loop_hour [--seconds S] [--json]``.

Theory of operation
-------------------
A whole bedside in virtual time (the real core, the real firmware of the cuff controller, a simulated P24
behind its driver) gets 500 packets a second of a hub, as bytes, through the hub's driver.  The prescription
is that of ``bench.latency``: forces above and below the target in turns, so that every packet inside a
contraction has to lead to an update of the stimulator in the instant in which it came.  After each packet the
stimulator answers.  Nothing is recorded as a waveform: that takes a process, and time.

``missed``: packets inside a contraction that led to no update.  The first 200 ms of a contraction are left
out, in which the plan learns that it runs, and a packet that asks for no other current (``unasked``: at a
current that the loop cannot leave).  ``growth_mb`` is how much more memory than in the fifth minute the
process ever had after that, the simulation's own included (null in a shorter run).  A session lasts an hour
at most; where it ends that of another patient begins.

Ends with 0 when none was missed, 1 otherwise.  Units: s, ms, MB (10**6 bytes).
"""

import argparse
import json
import os
import struct
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bench.latency import Memory
from bench.latency_core import PRESCRIPTION, PRESCRIPTIONS
from drivers.hub import HubHost
from firmware_bridge import hub as wire
from gateway.config import HubConfig
from gateway.runtime.core import Core
from gateway.runtime.requests import SessionRaise
from gateway.runtime.takers import HubTaker
from gateway.runtime.waveforms import Waveforms
from gateway.simulation.hub import FULL, Leg, SimulatedHub
from gateway.simulation.nurse import PATIENT
from gateway.therapy import prescription
from gateway.therapy.nmes import Phase
from gateway.therapy.nmes_loop import NmesLoopPlan
from tests.runtime.stimulation import Stimulated
from tests.runtime.test_driven_stimulators import Driven, thigh_with

PERIOD_MS = 2
TURN_MS = 10
SETTLING = 100
TARGET_N = 20.0
MISSES_N = 3.0
PRESS_EVERY_MS = 1_500
PRESS_MA = 5
SITE_MA = 60


class Loop:
    """The bedside, the hub's packets and what came of them."""

    def __init__(self, folder: Path) -> None:
        bed, driven = thigh_with("p24", folder / "journal.db", current_ma=SITE_MA, daily_minutes=1440)
        self._bed: Stimulated = bed
        self._driven: Driven = driven
        self._hub = SimulatedHub(Leg(), FULL)
        core = self._core
        recording = Waveforms(folder, core.recorder.stamp, core.note, ThreadPoolExecutor(1))
        self._taker = HubTaker(core, recording, HubConfig(port="memory", description="hub"))
        self._host: HubHost = self._taker.make_host()
        self._taker.connected(self._host, self.now)
        self._counter = self._since = 0
        self._pressed_ms = self.now
        self.decisions = self.missed = self.unasked = self.sessions = 0
        self._greet()

    @property
    def now(self) -> int:
        """Core's time."""
        return self._bed.bedside.core_ms

    @property
    def _core(self) -> Core:
        core = self._bed.bedside.core
        if core is None:
            raise AssertionError("core has ended")
        return core

    def run(self, seconds: float, memory: Memory) -> None:
        """So long."""
        for turn in range(round(seconds * 1000 / TURN_MS)):
            for at in range(0, TURN_MS, PERIOD_MS):
                self._packet(self.now + at)
            self._bed.bedside.turn()
            self._attend()
            if turn % 100 == 0:
                memory.look(turn * TURN_MS / 1000)

    def _greet(self) -> None:
        """Until the hub streams; from then on its samples are made here."""
        for _ in range(1_000):
            said = self._host.outgoing(self.now)
            self._host.receive(self._hub.step(self._bed.bedside.now, said), self.now)
            self._bed.bedside.turn()
            if self._host.streaming:
                return
        raise AssertionError("the hub never streamed")

    def _attend(self) -> None:
        """Somebody starts, and presses so that the current never comes down to where the loop cannot go."""
        if self._core.session is None:
            self.sessions += 1
            reply = self._bed.stimulate(PRESCRIPTION, patient=f"{PATIENT}-{self.sessions}")
            if reply.exit_code:
                raise AssertionError(reply.message)
        if self.now - self._pressed_ms >= PRESS_EVERY_MS:
            self._pressed_ms = self.now
            self._bed.bedside.ask(SessionRaise(by_ma=PRESS_MA, confirm=True))

    @property
    def _plan(self) -> NmesLoopPlan | None:
        session = self._core.session
        plan = None if session is None else session.plan
        return plan if isinstance(plan, NmesLoopPlan) else None

    def _packet(self, now: int) -> None:
        plan = self._plan
        flows = plan is not None and plan.contractions.step_now is Phase.CONTRACTING
        self._since = self._since + 1 if flows else 0
        force_n = TARGET_N + (MISSES_N if self._counter & 1 else -MISSES_N) if self._since > SETTLING else 0.0
        before = self._current_ua()
        events = self._host.receive(self._frame(force_n), now)
        self._taker.heard(events, now)
        told = self._driven.host.outgoing(now)
        self._judge(before, told)
        answer = self._driven.device.step(told, self._bed.bedside.now)
        self._driven.taker.heard(self._driven.host.receive(answer, now), now)

    def _judge(self, before_ua: int | None, told: bytes) -> None:
        if self._since <= SETTLING + 1:
            return
        if self._current_ua() == before_ua:
            self.unasked += 1
            return
        self.decisions += 1
        self.missed += not told

    def _current_ua(self) -> int | None:
        plan = self._plan
        return None if plan is None else plan.contractions.current_ua

    def _frame(self, force_n: float) -> bytes:
        """A packet of the full load without NIRS."""
        channel = FULL.streams[1].channels[0]
        count = round(force_n / (channel.scale * 10.0**channel.exponent)) + channel.zero_count
        number, self._counter = self._counter, self._counter + 1
        blocks = (
            (0, number * 4, struct.pack("<32h", *[(number * 37 + at * 11) % 1024 - 512 for at in range(32)])),
            (1, number * 2, count.to_bytes(3, "little", signed=True) * 2),
            (2, number, (100_000 + number % 256).to_bytes(3, "little")),
        )
        at_us = number * PERIOD_MS * 1000 % wire.DEVICE_US_PERIOD
        return wire.encode_samples(wire.Samples(7, 0, 0, number & 0xFFFF, at_us, blocks))


def measured(seconds: float, folder: Path) -> dict[str, float | int | None]:
    """So long, in virtual time."""
    prescription._FOLDER = PRESCRIPTIONS
    memory, began_s = Memory(os.getpid()), time.monotonic()
    loop = Loop(folder)
    loop.run(seconds, memory)
    return {
        "seconds": seconds,
        "sessions": loop.sessions,
        "decisions": loop.decisions,
        "missed": loop.missed,
        "unasked": loop.unasked,
        "growth_mb": memory.growth_mb,
        "wall_s": round(time.monotonic() - began_s, 1),
    }


def main() -> int:
    """Measure and tell."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0] if __doc__ else "")
    parser.add_argument("--seconds", type=float, default=3600.0)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="rvos-loop-") as folder:
        found = measured(asked.seconds, Path(folder))
    if asked.json:
        print(json.dumps(found))
    else:
        print("\n".join(f"{name:12} {value}" for name, value in found.items()))
    return int(found["missed"] != 0)


if __name__ == "__main__":
    sys.exit(main())
