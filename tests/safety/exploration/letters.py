"""The letters of the small worlds: everything that can be seen and wished at one instant.

Theory of operation
-------------------
A ``Letter`` is one instant, told relative to itself (``sensors_age`` 1 is a reading of one tick ago) and to
what the supervisor remembers by name only (``restarted``: a controller with another reset mark than the one
that it knows).  A tick is 1 ms of the supervisor's clock.  Pressures keep their real limits, and a letter
stands at each edge of each; times are a few ticks (``slices``).

No letter depends on those before it: a cuff may read 320 mmHg in one step and nothing in the next, a blood
pressure may come and go, a controller may forget what it owes.  Every real bedside is a part of this.

Units: pressures 0.1 mmHg, blood pressures mmHg, StO2 and haemoglobin per mille, uA, times ticks.
"""

from dataclasses import replace
from typing import Any, NamedTuple

from gateway.model import (
    BloodPressure,
    CuffReading,
    DeviceFault,
    Intent,
    Limb,
    Output,
    Purpose,
    Reason,
    Sample,
    StimulationIntent,
)
from gateway.safety.observations import Arming, Authorisation, Observations, Tissue
from gateway.safety.readiness import Readiness
from gateway.safety.stimulation import SiteStimulation, StimulatorReading, TrainAuthorisation
from tests.safety.exploration.instant import Wish

TARGET = 1_500
PLENTY = 1_000_000
Sensors = tuple[int | None, int | None]

READY = Readiness(
    screened=True,
    skin_seen=True,
    limb_confirmed=True,
    cuff_width_mm=1,
    nothing_under_cuff=True,
    probe_distal=True,
    circumference_mm=770,
    self_test_passed=True,
    pressed_ago_ms=1,
)
ARMING = Arming(
    number=1,
    limb=Limb.LEFT_THIGH,
    readiness=READY,
    therapy_left_ms=PLENTY,
    examination_left_ms=PLENTY,
    stimulation_left_ms=PLENTY,
)
FITS = BloodPressure(120, 80, 0)


class Names(NamedTuple):
    """What the supervisor knows by name: reset mark, presses, contraction, presses for more, link."""

    nonce: int = 7
    presses: int = 0
    contraction: int = 0
    more: int = 0
    link: int = 1


class PulseWish(NamedTuple):
    """Pulses asked for; ``another`` contraction than the present one, a ``press`` for more."""

    current_ua: int
    another: bool = False
    press: bool = False
    pulse_width_us: int = 100
    frequency_dhz: int = 100
    planned_ms: int = 2


class TrainRow(NamedTuple):
    """The durable row of a contraction, ``age`` old; ``another`` than the present one."""

    another: bool
    ceiling_ua: int
    pulse_width_us: int = 100
    frequency_dhz: int = 100
    planned_ms: int = 2
    age: int = 0


class Pulsing(NamedTuple):
    """What the stimulator says of itself."""

    stimulating: bool = False
    electrode_fault: bool = False
    another_link: bool = False
    age: int = 0


class Letter(NamedTuple):
    """One instant."""

    name: str
    elapsed: int = 1
    wishes: tuple[Intent, ...] = ()
    pulses: tuple[PulseWish, ...] = ()
    sensors: Sensors | None = (50, 50)
    sensors_age: int = 0
    faults: DeviceFault = DeviceFault.NONE
    restarted: bool = False
    pressed: bool = False
    patient_stop: bool = False
    working: bool = False
    device_debt: int = 0
    limb_debts: tuple[int, ...] = ()
    pressure: BloodPressure | None = FITS
    pressure_age: int = 0
    row: Authorisation | None = None
    row_age: int = 0
    saturation: int | None = None
    saturation_age: int | None = 0
    haemoglobin: int | None = None
    other: int | None = None
    flow_seen: bool | None = None
    saturation_expected: bool = False
    accepted: bool = True
    arming: Arming | None = ARMING
    moving: bool = False
    stop: Reason | None = None
    reset: bool = False
    journal_failed: bool = False
    lease_refused: bool = False
    stimulator: Pulsing | None = None
    train: TrainRow | None = None

    def wished(self, names: Names) -> tuple[Wish, ...]:
        """What is asked for."""
        return (*self.wishes, *(_pulses(one, names) for one in self.pulses))

    def seen(self, now: int, names: Names) -> Observations:
        """What the supervisor is shown at ``now``."""
        pressure, row = self.pressure, self.row
        return Observations(
            cuff=self._reading(now, names),
            cuff_accepted=self.accepted,
            blood_pressure=pressure and replace(pressure, entered_ms=now - self.pressure_age),
            tissue=self._tissue(now),
            saturation_expected=self.saturation_expected,
            authorisation=row and replace(row, durable_ms=now - self.row_age),
            arming=self.arming,
            moving=self.moving,
            stop=self.stop,
            reset=self.reset,
            journal_failed=self.journal_failed,
            lease_refused=self.lease_refused,
            stimulator=self._stimulator(now, names),
            train=self.train and _authorised(self.train, now, names),
        )

    def _reading(self, now: int, names: Names) -> CuffReading | None:
        if self.sensors is None:
            return None
        control, limit = self.sensors
        return CuffReading(
            control_dmmhg=control,
            limit_dmmhg=limit,
            debt_ms=self.device_debt,
            energised=False,
            faults=self.faults,
            counter=0,
            nonce=names.nonce + self.restarted,
            device_ms=0,
            arrived_ms=now - self.sensors_age,
            limb_debts_ms=self.limb_debts,
            presses=names.presses + self.pressed,
            working=self.working,
            patient_stop=self.patient_stop,
        )

    def _tissue(self, now: int) -> Tissue:
        if self.saturation_age is None:
            return Tissue(flow_seen=self.flow_seen)
        at = now - self.saturation_age
        return Tissue(
            Sample(self.saturation, at), Sample(self.haemoglobin, at), Sample(self.other, at), self.flow_seen
        )

    def _stimulator(self, now: int, names: Names) -> StimulatorReading | None:
        says = self.stimulator
        if says is None:
            return None
        link = names.link + says.another_link
        return StimulatorReading(says.stimulating, says.electrode_fault, link, now - says.age)


def _pulses(wish: PulseWish, names: Names) -> StimulationIntent:
    return StimulationIntent(
        wish.current_ua,
        wish.pulse_width_us,
        wish.frequency_dhz,
        names.contraction + wish.another,
        names.more + wish.press,
        wish.planned_ms,
    )


def _authorised(row: TrainRow, now: int, names: Names) -> TrainAuthorisation:
    return TrainAuthorisation(
        names.contraction + row.another,
        row.ceiling_ua,
        row.pulse_width_us,
        row.frequency_dhz,
        row.planned_ms,
        now - row.age,
    )


def intent(
    target: int | None = TARGET,
    planned: int = 2,
    cycle: int = 1,
    purpose: Purpose = Purpose.OCCLUSION,
    schedule: int = 0,
    series: int = 0,
) -> Intent:
    """A wish for the cuff."""
    return Intent(Output.CUFF, target, planned, cycle, purpose, schedule, series)


def asking(name: str, wish: Intent, **changes: Any) -> Letter:
    """A wish with the row that fits it; ``changes`` are what else is different."""
    row = Authorisation(wish.cycle, wish.pressure_dmmhg or 0, wish.planned_ms, 0, wish.purpose)
    return Letter(name, wishes=(wish,), **({"row": row} | changes))


def pulsing(name: str, wish: PulseWish, **changes: Any) -> Letter:
    """Pulses with the row that just fits them, and a stimulator that says it is there; and ``changes``."""
    return Letter(name, pulses=(wish,), **({"stimulator": Pulsing(), "train": row_of(wish)} | changes))


def row_of(wish: PulseWish, **changes: Any) -> TrainRow:
    """The row that authorises these pulses and no more; ``changes`` are what else is different."""
    row = TrainRow(wish.another, wish.current_ua, wish.pulse_width_us, wish.frequency_dhz, wish.planned_ms)
    return row._replace(**changes)


def site(current_ua: int = 4, **changes: int) -> SiteStimulation:
    """Ceilings of a site that bind nowhere but in the current."""
    open_ = SiteStimulation(current_ua, 1_000, 1_000, 1_000_000, 1_000_000)
    return replace(open_, **changes)


def named(*parts: str) -> str:
    """A letter's name from those of its parts."""
    return ", ".join(part for part in parts if part)
