"""One simulated session with its faults, its people and its judge.

Theory of operation
-------------------
``give(warm, task)`` draws everything from the task's seed: the person's limb, the attendant's habits, the
fault plan.  Then it turns the bedside, ten milliseconds at a time, and after each turn tells the harm monitor
what is physically true.  It ends when the attendant is done, the cuff is empty, nothing that the plan began
is still to end and the monitor waits for nothing, or when the longest time is over.  Afterwards the journals
are verified and compared with what was promised to be in them.

An exception of the product is a harm like any other; it carries the session's journal away with it.

Units: ms, mmHg.
"""

import hashlib
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from gateway.model import LIMBS, Limb
from gateway.record.events import AlarmRaised, SessionEnded, Tripped
from gateway.record.reader import JournalReader
from gateway.runtime.requests import SessionStop
from gateway.simulation import disk, faults, models
from gateway.simulation.attendant import Attendant, Order
from gateway.simulation.bedside import OPERATOR, TURN_MS
from gateway.simulation.harm import AT_REST, HardwareDuty, Harm, HarmMonitor, Physics
from gateway.simulation.injector import Injector
from gateway.simulation.troubled import TroubledBedside
from gateway.simulation.warm import Warm

_TAIL_MS = 3_000
_LOOK_TURNS = 10
_EMPTY_MMHG = 15.0


@dataclass(frozen=True, slots=True)
class Protocol:
    """A prescription on equipment that it makes sense on. ``span_ms``: how long it takes without faults."""

    prescription: str
    cuff: str
    limb: str
    span_ms: int
    longest_ms: int
    inflated: tuple[faults.Span, ...]


SHORT = Protocol("demo", "fast_cuff", "fast_limb", 33_000, 240_000, ((6_500, 14_500), (19_500, 27_500)))
WHOLE = Protocol(
    "rvos-after-rosprox",
    "thigh_cuff",
    "limb",
    2_470_000,
    4_500_000,
    tuple((31_000 + cycle * 609_000, 340_000 + cycle * 609_000) for cycle in range(4)),
)


@dataclass(frozen=True, slots=True)
class Task:
    """One session to simulate; equal tasks give equal sessions, byte for byte."""

    number: int
    seed: int
    kinds: tuple[str, ...]
    protocol: Protocol


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one session was. ``digest`` is the SHA-256 of its journals."""

    number: int
    virtual_ms: int
    faults: tuple[faults.Fault, ...]
    harms: tuple[Harm, ...]
    duties: tuple[HardwareDuty, ...]
    trips: tuple[str, ...]
    endings: tuple[str, ...]
    alarms: tuple[str, ...]
    digest: str

    @property
    def duties_done(self) -> bool:
        """Whether software did what it could wherever hardware kept the cuff inflated."""
        return all(duty.passed for duty in self.duties)


def give(warm: Warm, task: Task, folder: Path) -> Outcome:
    """Simulate one session; its journals are left in ``folder``."""
    randomness = random.Random(task.seed)
    limb = _somebody(randomness, models.LIMBS[task.protocol.limb])
    order = _order(randomness, task.protocol, task.number)
    plan = faults.plan(randomness, task.kinds, task.protocol.span_ms, task.protocol.inflated)
    bedside = warm.bedside(_with_high_pressure(limb, plan), task.seed, folder / "journal.db")
    return Trial(bedside, order, plan, task).run()


_OPPOSITE = {
    Limb.LEFT_THIGH: Limb.RIGHT_THIGH,
    Limb.RIGHT_THIGH: Limb.LEFT_THIGH,
    Limb.LEFT_UPPER_ARM: Limb.RIGHT_UPPER_ARM,
    Limb.RIGHT_UPPER_ARM: Limb.LEFT_UPPER_ARM,
}


class Trial:
    """A bedside, its attendant, its faults and its judge, turned together."""

    def __init__(
        self, bedside: TroubledBedside, order: Order, plan: tuple[faults.Fault, ...], task: Task
    ) -> None:
        self.bedside, self._task = bedside, task
        self._start_ms = bedside.now
        self.attendant = Attendant(bedside, order, task.seed + 1)
        self.injector = Injector(bedside, plan, bedside.now)
        self.monitor = HarmMonitor(bedside.now)
        self._treated, self._opposite = order.limb.number, _OPPOSITE[order.limb].number
        self._quiet_since_ms: int | None = None
        self._stopped = False

    def run(self) -> Outcome:
        """Turn until it is over; the outcome."""
        end_ms = self._start_ms + self._task.protocol.longest_ms
        while self.bedside.now < end_ms and not self._is_over():
            for _ in range(_LOOK_TURNS):
                self.turn()
        self.bedside.close()
        return self._outcome()

    def turn(self) -> None:
        """Ten milliseconds of everything."""
        bedside, injector = self.bedside, self.injector
        now = bedside.clock.ms
        injector.step(now)
        if not injector.active:
            self.attendant.step(now)
        else:
            self._stop_if_asked()
            if not injector.is_active("nobody_answers"):
                self.attendant.step(now)
        bedside.turn()
        now = bedside.clock.ms
        self.monitor.step(now, self.physics(now))

    def physics(self, now: int) -> Physics:
        """What is true now."""
        bedside = self.bedside
        tripped = bedside.is_tripped()
        if not tripped and bedside.is_at_rest:
            return AT_REST
        return Physics(
            limbs_mmhg=self._limbs_mmhg(),
            current_ma=bedside.current_ma,
            leased=bedside.tap.leased(now),
            relay_leased=bedside.tap.relay_leased(now),
            pump_on=bedside.board.actuators.pump_permille > 0,
            alarm=bedside.alarm(now),
            tripped=tripped,
            acknowledged=self.attendant.acknowledged_ms == now - TURN_MS,
            systolic_mmhg=self.attendant.known_systolic_mmhg,
            defeated=bedside.is_defeated,
        )

    def _limbs_mmhg(self) -> tuple[float, ...]:
        """The pressure around each limb, in the order of ``LIMBS``."""
        plant = self.bedside.plant
        pressures = [0.0] * len(LIMBS)
        pressures[self._treated] = plant.treated_limb_mmhg
        pressures[self._opposite] = plant.other_limb_mmhg
        return tuple(pressures)

    def _stop_if_asked(self) -> None:
        """Somebody else runs `rvos session stop`."""
        bedside = self.bedside
        if not self._stopped and self.injector.is_active("operator_stops") and bedside.core_runs:
            self._stopped = True
            bedside.desk.ask(SessionStop(), OPERATOR, bedside.core_ms, lambda reply: None)

    def _is_over(self) -> bool:
        absent = self.injector.is_active("nobody_answers") and not self._session_runs()
        idle = (self.attendant.done or absent) and self.injector.over
        if not idle or not self.monitor.settled or self.bedside.plant.pressure_mmhg > _EMPTY_MMHG:
            self._quiet_since_ms = None
            return self.monitor.settled and bool(self.monitor.duties) and idle
        if self._quiet_since_ms is None:
            self._quiet_since_ms = self.bedside.now
        return self.bedside.now - self._quiet_since_ms >= _TAIL_MS

    def _session_runs(self) -> bool:
        return self.bedside.core is not None and self.bedside.core.session is not None

    # afterwards

    def _outcome(self) -> Outcome:
        for path, promised in self.bedside.promised:
            self.monitor.record(disk.lost(path, promised), disk.broken(path), self.bedside.now)
        paths = sorted({path for path, _ in self.bedside.promised})
        return Outcome(
            number=self._task.number,
            virtual_ms=self.bedside.now - self._start_ms,
            faults=tuple(self.injector.begun),
            harms=tuple(self.monitor.harms.values()),
            duties=tuple(self.monitor.duties),
            trips=tuple(_of_type(paths, Tripped.name, "reason")),
            endings=tuple(_of_type(paths, SessionEnded.name, "outcome")),
            alarms=tuple(_of_type(paths, AlarmRaised.name, "condition")),
            digest=_digest(paths),
        )


def _of_type(paths: list[Path], type_: str, field: str) -> Iterator[str]:
    """One field of every event of a type, journal by journal."""
    for path in paths:
        with JournalReader.open(path) as reader:
            rows = [row for row in reader.rows(kind="event") if row.type == type_]
        for row in rows:
            yield str(msgspec.json.decode(row.body)[field])


def _digest(paths: list[Path]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.read_bytes())
    return digest.hexdigest()


# --- what is drawn ------------------------------------------------------------------------------------


def _somebody(randomness: random.Random, model: models.Limb) -> models.Limb:
    """A person with a blood pressure of their own, within what the prescriptions allow."""
    systolic = randomness.randint(100, 170)
    diastolic = round(systolic * randomness.uniform(0.5, 0.7))
    return replace(model, systolic_mmhg=float(systolic), diastolic_mmhg=float(max(diastolic, 52)))


def _with_high_pressure(model: models.Limb, plan: tuple[faults.Fault, ...]) -> models.Limb:
    margins = [fault.numbers["margin_mmhg"] for fault in plan if fault.kind == "occlusion_pressure_high"]
    return replace(model, occlusion_margin_mmhg=float(margins[0])) if margins else model


def _order(randomness: random.Random, protocol: Protocol, number: int) -> Order:
    return Order(
        prescription=protocol.prescription,
        limb=randomness.choice((Limb.LEFT_THIGH, Limb.RIGHT_THIGH)),
        patient=f"simulated-{number}",
        answers_after_ms=randomness.randint(2_000, 20_000),
        measures_again_ms=randomness.randint(20_000, 120_000),
        again=randomness.random() < 0.4,
    )
