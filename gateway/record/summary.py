"""The session summary: one flat document, folded from the journal and from nothing else.

Theory of operation
-------------------
``fold`` is a pure function of a session's event and trace rows, so anyone with the journal can
recompute what the ward received; it never looks at a stored summary.  The document is flat, because
no-code dashboards bind to top-level keys: scalars, and lists with one entry per cycle, where entry
i belongs to cycle i + 1 and is ``null`` for what did not happen or is not known.  A key never
changes its type: a measured number is always a float.  The lists of examinations have one entry for each
examination of the session in the same way.

An unfinished session folds too, with the outcome "running", as far as its record goes.  Of the rows
after ``session_ended`` only samples taken before it count: whoever folds later gets the same document.

What each measured number means stands in ``measures``.
"""

from collections.abc import Iterable
from typing import ClassVar

import msgspec

from gateway.model import Priority
from gateway.record import measures
from gateway.record.events import Event, LimbPressureMeasured
from gateway.record.facts import Cycle, Facts, gather
from gateway.record.row import ClockQuality, StoredRow

RUNNING = "running"


class Summary(Event, frozen=True, kw_only=True):
    """What one session was, self-contained.

    ``..._s`` seconds, ``..._percent`` percent, ``time_in_band_...`` shares of hold time from 0 to 1.
    ``limb`` is empty where the session's rows do not say it (version 0.1.0).
    """

    name: ClassVar[str] = "session_summary"

    session: str
    prescription: str
    prescription_hash: str
    limb: str = ""
    outcome: str
    end_reason: str | None
    cuff_description: str
    oximeter_description: str
    cuff_serial: str
    started_wall_ms: int
    ended_wall_ms: int | None
    duration_s: float | None
    clock_quality: str  # the worst of any row: its wall times are worth no more
    boots: list[int]

    occlusion_prescribed_s: float
    reperfusion_prescribed_s: float
    margin_mmhg: int
    cycles_prescribed: int
    cycles_delivered: int
    cycles_skipped: int
    occlusion_s: list[float | None]
    reperfusion_s: list[float | None]
    target_mmhg: list[float | None]
    vent_reasons: list[str | None]

    time_in_band_5pct: float | None
    time_in_band_10pct: float | None
    time_in_band_15mmhg: float | None
    sto2_baseline_percent: float | None
    sto2_minimum_percent: float | None
    sto2_recovery_s: float | None

    systolic_mmhg: list[int]
    diastolic_mmhg: list[int]
    ischaemia_debt_start_s: float | None
    stops: list[str]
    trips: list[str]
    alarms: list[str]
    alarm_highest_priority: str | None

    version: str
    firmware: str
    firmware_limits_crc: int

    therapy: str = "rvos"
    stimulator_description: str = ""
    contractions_prescribed: int = 0
    contractions_given: int = 0
    contractions_without_response: int | None = None
    current_highest_ma: float | None = None
    stimulation_s: float = 0.0

    examinations: list[str] = msgspec.field(default_factory=list)
    examination_outcomes: list[str | None] = msgspec.field(default_factory=list)
    examination_definitions: list[str | None] = msgspec.field(default_factory=list)
    examination_result_sha256: list[str | None] = msgspec.field(default_factory=list)
    limb_occlusion_pressure_mmhg: float | None = None
    blood_pressure_sources: list[str] = msgspec.field(default_factory=list)
    contractions_without_pulses: int | None = None


def fold(rows: Iterable[StoredRow], session: str) -> Summary:
    """The summary of ``session``; rows of other sessions are passed over.

    Raises ``SessionUnknown`` or ``RowUnreadable``.
    """
    return summarise(gather(rows, session), session)


def summarise(facts: Facts, session: str) -> Summary:
    """The summary of facts already gathered."""
    cycles = _in_order(facts)
    examined = [facts.examinations[number] for number in sorted(facts.examinations)]
    started, ended = facts.started, facts.ended
    shares = measures.shares_in_band(facts)
    baseline = measures.baseline(facts)
    return Summary(
        session=session,
        prescription=started.prescription,
        prescription_hash=started.prescription_hash,
        limb=started.limb,
        outcome=ended.outcome if ended else RUNNING,
        end_reason=ended.reason if ended else None,
        cuff_description=started.cuff_description,
        oximeter_description=started.oximeter_description,
        cuff_serial=started.cuff_serial,
        started_wall_ms=facts.started_at.wall_ms,
        ended_wall_ms=facts.ended_at.wall_ms if facts.ended_at else None,
        duration_s=facts.started_at.seconds_until(facts.over_at),
        clock_quality=_worst(facts.clocks),
        boots=sorted(facts.last_ms_of_boot),
        occlusion_prescribed_s=started.occlusion_ms / 1000,
        reperfusion_prescribed_s=started.reperfusion_ms / 1000,
        margin_mmhg=started.margin_mmhg,
        cycles_prescribed=started.cycles_prescribed,
        cycles_delivered=sum(cycle.delivered for cycle in cycles),
        cycles_skipped=sum(cycle.skipped for cycle in cycles),
        occlusion_s=[measures.occlusion_s(cycle) for cycle in cycles],
        reperfusion_s=[measures.reperfusion_s(facts, cycle) for cycle in cycles],
        target_mmhg=[_tenth(cycle.target_dmmhg) for cycle in cycles],
        vent_reasons=[cycle.vent_reason for cycle in cycles],
        time_in_band_5pct=shares.within_5pct,
        time_in_band_10pct=shares.within_10pct,
        time_in_band_15mmhg=shares.within_15mmhg,
        sto2_baseline_percent=baseline.percent if baseline else None,
        sto2_minimum_percent=measures.minimum_percent(facts),
        sto2_recovery_s=measures.recovery_s(facts, baseline),
        systolic_mmhg=[pressure.systolic_mmhg for pressure in facts.pressures],
        diastolic_mmhg=[pressure.diastolic_mmhg for pressure in facts.pressures],
        ischaemia_debt_start_s=_thousandth(facts.debt_at_start_ms),
        stops=[stop.reason for _, stop in facts.stops],
        trips=[trip.reason for _, trip in facts.trips],
        alarms=[alarm.condition for _, alarm in facts.alarms],
        alarm_highest_priority=_highest({alarm.priority for _, alarm in facts.alarms}),
        version=started.version,
        firmware=started.firmware,
        firmware_limits_crc=started.firmware_limits_crc,
        therapy=started.therapy,
        stimulator_description=started.stimulator_description,
        contractions_prescribed=started.contractions_prescribed,
        contractions_given=measures.contractions_given(facts),
        contractions_without_response=measures.contractions_without_response(facts),
        contractions_without_pulses=measures.contractions_without_pulses(facts),
        current_highest_ma=measures.current_highest_ma(facts),
        stimulation_s=sum(train.duration_ms for train in facts.trains) / 1000,
        examinations=[one.started.exam for one in examined],
        examination_outcomes=[one.ended.outcome if one.ended else None for one in examined],
        examination_definitions=[one.result.definition if one.result else None for one in examined],
        examination_result_sha256=[one.result.sha256 if one.result else None for one in examined],
        limb_occlusion_pressure_mmhg=_whole(facts.limb_pressure),
        blood_pressure_sources=[pressure.source for pressure in facts.pressures],
    )


def _in_order(facts: Facts) -> list[Cycle]:
    """One entry for every cycle up to the last that is on record."""
    return [facts.cycles.get(number, Cycle()) for number in range(1, max(facts.cycles, default=0) + 1)]


def _whole(measured: LimbPressureMeasured | None) -> float | None:
    return None if measured is None else float(measured.pressure_mmhg)


def _worst(clocks: set[ClockQuality]) -> str:
    return max(clocks, key=list(ClockQuality).index).value


def _highest(priorities: set[str]) -> str | None:
    return next((priority.value for priority in Priority if priority.value in priorities), None)


def _tenth(value: int | None) -> float | None:
    return None if value is None else value / 10


def _thousandth(value: int | None) -> float | None:
    return None if value is None else value / 1000
