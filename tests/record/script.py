"""Sessions written by hand: each test says what happened, in seconds."""

import msgspec

from gateway.record import events
from gateway.record.row import ClockQuality, Kind, Row, Stamp, event_row, trace_row

SESSION = "s-1"
DEVICE = "bed-7"
WALL_MS = 1_767_225_600_000  # 2026-01-01 00:00 UTC
TARGET_DMMHG = 1700

STARTED = events.SessionStarted(
    prescription="demo",
    prescription_hash="ab12",
    limb="left_thigh",
    cycles_prescribed=2,
    occlusion_ms=6000,
    reperfusion_ms=6000,
    margin_mmhg=50,
    version="0.1.0",
    firmware="1.0.0",
    firmware_limits_crc=123456,
    cuff_serial="C-1",
    cuff_description="simulated fast cuff (1 s up, 1 s down)",
    oximeter_description="simulated limb, physiology sped up",
)


class Script:
    """Rows of one session in the order in which they are told; times are seconds of core's clock."""

    def __init__(self, clock: ClockQuality = ClockQuality.SIMULATED) -> None:
        self.rows: list[Row] = []
        self.boot = 1
        self.wall_offset_ms = WALL_MS
        self.clock = clock

    def stamp(self, at_s: float) -> Stamp:
        mono_ms = round(at_s * 1000)
        return Stamp(self.boot, mono_ms, self.wall_offset_ms + mono_ms, self.clock)

    def event(self, at_s: float, event: events.Event, session: str = SESSION) -> None:
        self.rows.append(event_row(event, session, self.stamp(at_s)))

    def start(self, at_s: float = 0.0, **changed: object) -> None:
        self.event(at_s, msgspec.structs.replace(STARTED, **changed))

    def end(self, at_s: float, outcome: str = "completed", reason: str = "planned") -> None:
        self.event(at_s, events.SessionEnded(outcome=outcome, reason=reason))

    def cycle(
        self,
        number: int,
        inflate_s: float,
        hold_s: float | None,
        vent_s: float | None,
        deflated_s: float | None = None,
        reason: str = "planned",
    ) -> None:
        started = events.InflationStarted(cycle=number, target_dmmhg=TARGET_DMMHG)
        self.event(inflate_s, started)
        if hold_s is not None:
            self.event(hold_s, events.HoldReached(cycle=number, target_dmmhg=TARGET_DMMHG))
        if vent_s is not None:
            self.event(vent_s, events.VentCommanded(cycle=number, reason=reason))
        if deflated_s is not None:
            self.event(deflated_s, events.CuffDeflated(cycle=number))

    def trace(
        self,
        at_s: float,
        cuff: list[tuple[float, float | None]] | None = None,
        sto2: list[tuple[float, float | None]] | None = None,
        debt_ms: int = 0,
    ) -> None:
        """Samples as (seconds, mmHg) and (seconds, percent)."""
        body = events.Trace(
            phase="hold",
            cycle=1,
            target_dmmhg=None,
            ischaemia_debt_ms=debt_ms,
            cuff=[(round(1000 * t), None if v is None else round(10 * v), 0) for t, v in cuff or []],
            sto2=[(round(1000 * t), None if v is None else round(10 * v)) for t, v in sto2 or []],
        )
        self.rows.append(trace_row(body, SESSION, self.stamp(at_s)))


def mixed_rows(count: int, first: int = 1, boot: int = 1) -> list[Row]:
    """Rows of all kinds: of three in a row, one each of event, trace and audit."""
    kinds: tuple[Kind, ...] = ("event", "trace", "audit")
    return [
        Row(
            kinds[number % 3],
            f"type_{number % 5}",
            f"s-{number % 2}",
            Stamp(boot, number, WALL_MS + number, ClockQuality.HOLDOVER),
            b'{"number":%d}' % number,
        )
        for number in range(first, first + count)
    ]
