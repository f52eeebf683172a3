"""One simulated session with its faults, its people and its judge.

Theory of operation
-------------------
``give(warm, task)`` draws everything from the task's seed: the person's limb, the attendant's habits, the
fault plan.  Then it turns the bedside, ten milliseconds at a time, and after each turn tells the harm monitor
what is physically true.  It ends when the attendant is done, the cuff is empty, nothing that the plan began
is still to end and the monitor waits for nothing, or when the longest time is over.  Afterwards the journals
are verified and compared with what was promised to be in them, and what the archive of a ward with a failing
broker received with what is in them.

An exception of the product is a harm like any other; it carries the session's journal away with it.

Units: ms, mmHg.
"""

import hashlib
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import msgspec

from gateway.model import LIMBS, Limb
from gateway.record.events import AlarmRaised, ExaminationEnded, SessionEnded, Tripped
from gateway.record.reader import JournalReader
from gateway.runtime.requests import SessionStop
from gateway.simulation import disk, faults, models
from gateway.simulation.attendant import Attendant, Order
from gateway.simulation.bedside import OPERATOR, TURN_MS
from gateway.simulation.conduct import draw
from gateway.simulation.fault_kinds import KINDS, Family, Needs
from gateway.simulation.harm import HarmMonitor
from gateway.simulation.injector import Injector
from gateway.simulation.outcome import Outcome, Task
from gateway.simulation.physics import AT_REST, Physics
from gateway.simulation.protocols import Protocol
from gateway.simulation.stimulator import OPEN_OHM
from gateway.simulation.troubled import TroubledBedside
from gateway.simulation.visitor import Visit, Visitor
from gateway.simulation.visitor import draw as draw_visits
from gateway.simulation.ward import Ward
from gateway.simulation.warm import Warm

_TAIL_MS = 3_000
_LOOK_TURNS = 10
_EMPTY_MMHG = 15.0
_STEADY_TURNS = 3
"""A contact that bounces counts as closed when the controller's loop has read it so often."""


def give(warm: Warm, task: Task, folder: Path) -> Outcome:
    """Simulate one session; its journals are left in ``folder``."""
    randomness, protocol = random.Random(task.seed), task.protocol
    limb = _somebody(randomness, models.LIMBS[protocol.limb])
    order = _order(randomness, protocol, task.number)
    kinds = faults.fitting(task.kinds, Needs.STIMULATOR if protocol.stimulates else Needs.CUFF)
    plan = faults.plan(randomness, kinds, protocol.span_ms, protocol.under_way)
    bedside = warm.bedside(_with_high_pressure(limb, plan), task.seed, folder / "journal.db")
    visits = draw_visits(randomness, order, protocol.span_ms)
    return Trial(bedside, order, plan, task, visits).run()


_OPPOSITE = {
    Limb.LEFT_THIGH: Limb.RIGHT_THIGH,
    Limb.RIGHT_THIGH: Limb.LEFT_THIGH,
    Limb.LEFT_UPPER_ARM: Limb.RIGHT_UPPER_ARM,
    Limb.RIGHT_UPPER_ARM: Limb.LEFT_UPPER_ARM,
}


class Trial:
    """A bedside, its attendant, its faults and its judge, turned together."""

    def __init__(
        self,
        bedside: TroubledBedside,
        order: Order,
        plan: tuple[faults.Fault, ...],
        task: Task,
        visits: tuple[Visit, ...] = (),
    ) -> None:
        self.bedside, self._task = bedside, task
        self._start_ms = bedside.now
        self.attendant = Attendant(bedside, order, task.seed + 1)
        self.visitor = Visitor(bedside, visits)
        self.injector = Injector(bedside, plan, bedside.now)
        self.monitor = HarmMonitor(bedside.now)
        self._treated, self._opposite = order.limb.number, _OPPOSITE[order.limb].number
        self._quiet_since_ms: int | None = None
        self._operator_stopped = False
        self._pressed_turns = 0
        has_ward = any(KINDS[fault.kind].family is Family.WARD for fault in plan)
        self.ward = Ward(bedside) if has_ward else None

    def run(self) -> Outcome:
        """Turn until it is over; the outcome."""
        end_ms = self._start_ms + self._task.protocol.longest_ms
        while self.bedside.now < end_ms and not self._is_over():
            for _ in range(_LOOK_TURNS):
                self.turn()
        ended_ms = self.bedside.now
        self.bedside.close()
        if self.ward is not None:
            self.ward.settle()
        return self._outcome(ended_ms)

    def turn(self) -> None:
        """Ten milliseconds of everything."""
        bedside, injector = self.bedside, self.injector
        now = bedside.clock.ms
        injector.step(now)
        if not injector.active:
            self.attendant.step(now)
            self.visitor.step(now)
        else:
            self._stop_if_asked()
            if not injector.is_active("nobody_answers"):
                self.attendant.step(now)
                self.visitor.step(now)
        self._tell_the_monitor(now)
        bedside.turn()
        now = bedside.clock.ms
        if self.ward is not None:
            self.ward.step(now)
        self.monitor.step(now, self.physics(now))

    def _tell_the_monitor(self, now: int) -> None:
        """Who began, who stopped: people are not part of the physics."""
        attendant, visitor, board = self.attendant, self.visitor, self.bedside.board
        if attendant.began_ms == now:
            self.monitor.person_began(attendant.asked_ms)
        if visitor.asked_ms == now:
            self.monitor.person_began(now)
        if now in (attendant.stopped_ms, visitor.stopped_ms):
            self.monitor.person_stopped(now)
        if not (board.pressed or board.patient_stop_pressed) or not self.bedside.button_is_heard:
            self._pressed_turns = 0
            return
        self._pressed_turns += 1
        if self._pressed_turns == _STEADY_TURNS:
            self.monitor.person_stopped(now)

    def physics(self, now: int) -> Physics:
        """What is true now."""
        bedside, plant = self.bedside, self.bedside.plant
        defects = plant.defects
        tripped = bedside.is_tripped()
        stands = bedside.core is not None and bedside.core_stands
        if not (tripped or stands or defects.stimulator_silent) and bedside.is_at_rest:
            return AT_REST
        flows = bedside.current_ma > 0.0
        return Physics(
            limbs_mmhg=self._limbs_mmhg(),
            current_ma=bedside.current_ma,
            leased=bedside.tap.leased(now),
            relay_leased=bedside.tap.relay_leased(now),
            pump_on=bedside.board.actuators.pump_permille > 0,
            alarm=bedside.alarm(now),
            tripped=tripped,
            acknowledged=now - TURN_MS in (self.attendant.acknowledged_ms, self.visitor.acknowledged_ms),
            silenced_ms=self.visitor.silenced_ms if now - TURN_MS == self.visitor.silenced_at_ms else 0,
            systolic_mmhg=self.attendant.known_systolic_mmhg,
            partial=self.attendant.measures_limb,
            defeated=bedside.is_defeated,
            closed_from_mmhg=bedside.occlusion_mmhg if defects.sensors_err_alike else None,
            density_ma_cm2=plant.current_density_ua_cm2 / 1000 if flows else 0.0,
            contact=1.0 - defects.electrode_peel,
            electrode_off=flows and plant.electrode_ohm > OPEN_OHM,
            stimulator_silent=defects.stimulator_silent,
            gateway_runs=bedside.core_runs,
            gateway_stands=stands,
            controller_runs=bedside.firmware_stands_since_ms is None,
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
        if self._operator_stopped or not self.injector.is_active("operator_stops"):
            return
        if bedside.core_runs:
            self._operator_stopped = True
            self.monitor.person_stopped(bedside.now)
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

    def _outcome(self, ended_ms: int) -> Outcome:
        for path, promised in self.bedside.promised:
            self.monitor.record(disk.lost(path, promised), disk.broken(path), ended_ms)
        if self.ward is not None:
            self.monitor.record(self.ward.missing(), "", ended_ms)
        paths = sorted({path for path, _ in self.bedside.promised})
        return Outcome(
            number=self._task.number,
            virtual_ms=ended_ms - self._start_ms,
            faults=tuple(self.injector.begun),
            harms=tuple(self.monitor.harms.values()),
            duties=tuple(self.monitor.duties),
            trips=tuple(_of_type(paths, Tripped.name, "reason")),
            endings=tuple(_of_type(paths, SessionEnded.name, "outcome")),
            alarms=tuple(_of_type(paths, AlarmRaised.name, "condition")),
            digest=_digest(paths),
            called_for=tuple(sorted(self.attendant.calls_for)),
            examinations=tuple(_examined(paths)),
        )


def _of_type(paths: list[Path], type_: str, field: str) -> Iterator[str]:
    """One field of every event of a type, journal by journal."""
    for path in paths:
        with JournalReader.open(path) as reader:
            rows = [row for row in reader.rows(kind="event") if row.type == type_]
        for row in rows:
            yield str(msgspec.json.decode(row.body)[field])


def _examined(paths: list[Path]) -> Iterator[str]:
    """Every examination and how it ended."""
    ended = (_of_type(paths, ExaminationEnded.name, field) for field in ("exam", "outcome"))
    return (f"{exam} {outcome}" for exam, outcome in zip(*ended, strict=True))


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
        limb=randomness.choice(protocol.limbs),
        patient=f"simulated-{number}",
        conduct=draw(randomness, protocol.span_ms, stimulates=protocol.stimulates),
        exam=protocol.exam,
        choices=protocol.choices,
        presses=protocol.presses,
    )
