"""What a real journal proves to the next run of the core: every rule, and every way not to prove it."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.model import Limb, Reason
from gateway.record.errors import JournalCorrupt, RowUnreadable
from gateway.record.events import (
    BloodPressureEntered,
    CoreStarted,
    CoreStopped,
    CuffRemoved,
    Event,
    InflationAuthorised,
    SessionEnded,
    Trace,
    TripCleared,
    Tripped,
    VentCommanded,
)
from gateway.record.journal import Journal
from gateway.record.reader import JournalReader
from gateway.record.row import ClockQuality, Row, Stamp, event_row, trace_row
from gateway.runtime.restore import Restored, nothing_proven, restore
from gateway.safety.limits import HARD
from tests.record.script import DEVICE, STARTED, WALL_MS

UNKNOWN = (300_000, "none")
DEBT_MS = 200_000
OTHERS_MS = (40_000, 10_000, 0)
EMPTY = (0, 150)  # both sensors at or below 15.0 mmHg

AUTHORISED = InflationAuthorised(
    cycle=1, target_dmmhg=1700, planned_ms=6000, ischaemia_debt_ms=0, systolic_mmhg=120
)
COMPLETED = SessionEnded(outcome="completed", reason="planned")


class Past:
    """A journal and what happened in it; times in ms of each run's machine."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._journal = Journal.open(path, device=DEVICE)
        self.clock = ClockQuality.UNSYNCHRONISED
        self._session = ""
        self._sessions = 0

    def start_core(self, boot_id: str, at_ms: int = 1_000) -> None:
        """The core begins a run on the machine's boot ``boot_id``."""
        self._boot = self._journal.next_boot()
        self._session = ""
        started = CoreStarted(
            version="0.1.0",
            boot_id=boot_id,
            config_hash="",
            firmware_limits_crc=0,
            ischaemia_debt_ms=0,
            debt_proof="none",
        )
        self.event(at_ms, started)

    def start_session(self, at_ms: int) -> str:
        self._sessions += 1
        self._session = f"s-{self._sessions}"
        self.event(at_ms, STARTED)
        return self._session

    def end_session(self, at_ms: int) -> None:
        self.event(at_ms, COMPLETED)
        self._session = ""

    def event(self, at_ms: int, event: Event) -> None:
        self._append(event_row(event, self._session, self.stamp(at_ms)))

    def trace(self, at_ms: int, *frames: tuple[int | None, int | None], debt_ms: int = DEBT_MS) -> None:
        """A second's frames as (control, limit), in 0.1 mmHg."""
        body = Trace(
            phase="reperfusion",
            cycle=1,
            target_dmmhg=None,
            ischaemia_debt_ms=debt_ms,
            cuff=[(at_ms, control, limit) for control, limit in frames],
            sto2=[],
            limb="left_thigh",
            debts_ms=[debt_ms, *OTHERS_MS],
        )
        self._append(trace_row(body, self._session, self.stamp(at_ms)))

    def spoil(self, type: str, body: bytes) -> None:
        """An event of a type that core needs, with a body that makes no sense."""
        self._append(Row("event", type, self._session, self.stamp(2_000), body))

    def stamp(self, at_ms: int, wall_shift_ms: int = 0) -> Stamp:
        return Stamp(self._boot, at_ms, WALL_MS + at_ms + wall_shift_ms, self.clock)

    def restored(self, boot_id: str, now: Stamp) -> Restored:
        with JournalReader.open(self._path) as reader:
            return restore(reader, HARD, boot_id, now)

    def debt(self, boot_id: str, at_ms: int, wall_shift_ms: int = 0) -> tuple[int, str]:
        """The left thigh's debt that a run at this time starts with, and its proof."""
        found = self.restored(boot_id, self.stamp(at_ms, wall_shift_ms))
        return found.debts_ms[0], found.debt_proof

    def latched(self) -> Reason | None:
        return self.restored("a", self.stamp(90_000)).latched

    def change(self, seq: int) -> None:
        """Somebody edits a row of the file."""
        other = sqlite3.connect(self._path, isolation_level=None)
        other.execute("DROP TRIGGER row_fixed")
        other.execute("UPDATE row SET wall_ms = wall_ms + 1 WHERE seq = ?", (seq,))
        other.close()

    def close(self) -> None:
        self._journal.close()

    def _append(self, row: Row) -> None:
        self._journal.append([row])


@pytest.fixture
def past(tmp_path: Path) -> Iterator[Past]:
    found = Past(tmp_path / "journal.db")
    found.start_core("a")
    yield found
    found.close()


@pytest.fixture
def after_a_session(past: Past) -> Past:
    """A session that ended deflated at 60 s of boot "a", with 200 s of debt."""
    past.start_session(2_000)
    past.trace(50_000, (1700, 1700), debt_ms=DEBT_MS)
    past.trace(60_000, (1700, 1700), EMPTY)
    past.end_session(60_500)
    return past


def test_an_empty_journal_proves_nothing(tmp_path: Path) -> None:
    with Journal.open(tmp_path / "journal.db", device=DEVICE) as journal:
        now = Stamp(journal.next_boot(), 5_000, WALL_MS, ClockQuality.SYNCHRONISED)
        with JournalReader.open(journal.path) as reader:
            assert restore(reader, HARD, "a", now) == nothing_proven(HARD) == Restored((300_000,) * 4, "none")


def test_starts_and_stops_alone_prove_nothing(past: Past) -> None:
    past.event(2_000, CoreStopped(reason="asked to stop"))
    past.start_core("a", 3_000)
    assert past.restored("a", past.stamp(900_000)) == Restored((300_000,) * 4, "none")


class TestDebt:
    def test_time_on_the_same_boot_of_the_machine_is_reperfusion(self, after_a_session: Past) -> None:
        assert after_a_session.debt("a", 90_000) == (DEBT_MS - 30_000, "same_boot")

    def test_every_limb_is_paid_back_by_the_same_clock(self, after_a_session: Past) -> None:
        found = after_a_session.restored("a", after_a_session.stamp(90_000))
        assert found.debts_ms == (DEBT_MS - 30_000, 10_000, 0, 0)
        assert found.limb is Limb.LEFT_THIGH

    def test_what_is_not_proven_is_owed_by_every_limb(self, past: Past) -> None:
        assert past.restored("a", past.stamp(90_000)).debts_ms == (300_000,) * 4

    def test_debt_does_not_fall_below_zero(self, after_a_session: Past) -> None:
        assert after_a_session.debt("a", 60_000 + DEBT_MS + 1) == (0, "same_boot")

    def test_synchronised_wall_clocks_vouch_across_boots(self, past: Past) -> None:
        past.clock = ClockQuality.SYNCHRONISED
        past.start_session(2_000)
        past.trace(60_000, EMPTY)
        assert past.debt("b", 10_000, wall_shift_ms=80_000) == (DEBT_MS - 30_000, "synchronised")

    def test_a_wall_clock_that_went_back_vouches_for_nothing(self, past: Past) -> None:
        past.clock = ClockQuality.SYNCHRONISED
        past.start_session(2_000)
        past.trace(60_000, EMPTY)
        assert past.debt("b", 59_999) == (DEBT_MS, "no_time")

    def test_a_clock_of_the_same_boot_that_went_back_vouches_for_nothing(self, after_a_session: Past) -> None:
        assert after_a_session.debt("a", 59_999) == (DEBT_MS, "no_time")

    @pytest.mark.parametrize("then", ClockQuality)
    @pytest.mark.parametrize("now", ClockQuality)
    def test_without_two_synchronised_clocks_no_time_counts(
        self, past: Past, then: ClockQuality, now: ClockQuality
    ) -> None:
        past.clock = then
        past.start_session(2_000)
        past.trace(60_000, EMPTY)
        past.clock = now
        credited = past.debt("b", 90_000) != (DEBT_MS, "no_time")
        assert credited == (then is now is ClockQuality.SYNCHRONISED)

    def test_the_boot_is_that_of_the_run_that_wrote_the_trace(self, after_a_session: Past) -> None:
        after_a_session.start_core("b", 1_000)
        assert after_a_session.debt("b", 90_000) == (DEBT_MS, "no_time")
        after_a_session.start_core("a", 70_000)
        assert after_a_session.debt("a", 90_000) == (DEBT_MS - 30_000, "same_boot")

    @pytest.mark.parametrize(
        "last",
        [(151, 0), (0, 151), (1700, 1700), (None, 0), (0, None), (None, None)],
        ids=["control", "limit", "both", "no control", "no limit", "neither"],
    )
    def test_a_trace_that_ends_above_15_mmhg_or_blind_proves_nothing(
        self, past: Past, last: tuple[int | None, int | None]
    ) -> None:
        past.start_session(2_000)
        past.trace(60_000, EMPTY, last)
        assert past.debt("a", 90_000) == UNKNOWN

    def test_a_trace_without_a_frame_proves_nothing(self, past: Past) -> None:
        past.start_session(2_000)
        past.trace(60_000, EMPTY)
        past.trace(61_000)
        assert past.debt("a", 90_000) == UNKNOWN

    @pytest.mark.parametrize("since", [AUTHORISED, Tripped(reason="over_pressure", detail="")])
    def test_what_may_have_pressed_since_the_last_trace_proves_nothing(
        self, after_a_session: Past, since: Event
    ) -> None:
        after_a_session.event(61_000, since)
        assert after_a_session.debt("a", 900_000) == UNKNOWN

    def test_a_trace_between_the_authorisation_and_its_inflation_proves_nothing(
        self, after_a_session: Past
    ) -> None:
        after_a_session.event(61_000, AUTHORISED)
        after_a_session.trace(61_050, EMPTY)
        assert after_a_session.debt("a", 900_000) == UNKNOWN, "the inflation's own rows may be lost"

    @pytest.mark.parametrize(
        "before",
        [
            (AUTHORISED, VentCommanded(cycle=1, reason="planned")),
            (AUTHORISED, COMPLETED),
            (Tripped(reason="over_pressure", detail=""),),
        ],
    )
    def test_a_trace_that_follows_a_vent_or_a_trip_proves_again(
        self, after_a_session: Past, before: tuple[Event, ...]
    ) -> None:
        for event in before:
            after_a_session.event(61_000, event)
        after_a_session.trace(62_000, EMPTY)
        assert after_a_session.debt("a", 72_000) == (DEBT_MS - 10_000, "same_boot")

    def test_other_events_since_the_last_trace_change_nothing(self, after_a_session: Past) -> None:
        after_a_session.event(61_000, BloodPressureEntered(systolic_mmhg=120, diastolic_mmhg=70))
        after_a_session.event(61_000, CuffRemoved())
        assert after_a_session.debt("a", 90_000) == (DEBT_MS - 30_000, "same_boot")

    def test_a_session_without_a_trace_does_not_lean_on_an_older_one(self, after_a_session: Past) -> None:
        after_a_session.start_session(70_000)
        assert after_a_session.debt("a", 90_000) == UNKNOWN

    def test_pressure_after_the_session_counts(self, after_a_session: Past) -> None:
        after_a_session.trace(70_000, (800, 800), debt_ms=205_000)
        assert after_a_session.debt("a", 90_000) == UNKNOWN
        after_a_session.trace(71_000, EMPTY, debt_ms=206_000)
        assert after_a_session.debt("a", 90_000) == (187_000, "same_boot")


class TestLatch:
    def test_the_first_reason_stands(self, past: Past) -> None:
        past.event(2_000, Tripped(reason="sensors_disagree", detail=""))
        past.event(3_000, Tripped(reason="over_pressure", detail=""))
        assert past.latched() is Reason.SENSORS_DISAGREE

    def test_what_a_person_cleared_is_cleared(self, past: Past) -> None:
        past.event(2_000, Tripped(reason="sensors_disagree", detail=""))
        past.event(3_000, TripCleared(reason="sensors_disagree"))
        assert past.latched() is None

    def test_a_trip_after_the_clearing_latches_again(self, past: Past) -> None:
        past.event(2_000, Tripped(reason="sensors_disagree", detail=""))
        past.event(3_000, TripCleared(reason="sensors_disagree"))
        past.event(4_000, Tripped(reason="over_pressure", detail=""))
        assert past.latched() is Reason.OVER_PRESSURE

    def test_a_latch_outlives_restarts_and_reboots(self, past: Past) -> None:
        past.event(2_000, Tripped(reason="sensors_disagree", detail=""))
        past.start_core("a")
        past.start_core("b")
        assert past.latched() is Reason.SENSORS_DISAGREE


class TestSession:
    def test_a_session_that_never_ended_latches_core_restarted(self, past: Past) -> None:
        session = past.start_session(2_000)
        found = past.restored("a", past.stamp(90_000))
        assert (found.latched, found.open_session) == (Reason.CORE_RESTARTED, session)
        assert (found.cuff_on, found.last_session) == (True, session)

    def test_an_earlier_reason_stands_above_core_restarted(self, past: Past) -> None:
        session = past.start_session(2_000)
        past.event(3_000, Tripped(reason="over_pressure", detail=""))
        found = past.restored("a", past.stamp(90_000))
        assert (found.latched, found.open_session) == (Reason.OVER_PRESSURE, session)

    def test_a_session_that_ended_is_not_open(self, after_a_session: Past) -> None:
        found = after_a_session.restored("a", after_a_session.stamp(90_000))
        assert (found.latched, found.open_session, found.last_session) == (None, "", "s-1")

    def test_only_the_last_session_can_be_open(self, after_a_session: Past) -> None:
        session = after_a_session.start_session(70_000)
        assert after_a_session.restored("a", after_a_session.stamp(90_000)).open_session == session

    def test_the_cuff_is_on_until_it_is_removed_and_on_again_with_the_next_session(
        self, after_a_session: Past
    ) -> None:
        def cuff_on() -> bool:
            return after_a_session.restored("a", after_a_session.stamp(90_000)).cuff_on

        assert cuff_on()
        after_a_session.event(61_000, CuffRemoved())
        assert not cuff_on()
        after_a_session.start_session(70_000)
        assert cuff_on()


class TestUnreadable:
    """A row that decides about the start and says nothing ends it, by the record room's own error."""

    @pytest.mark.parametrize(
        ("type", "body"),
        [
            ("core_started", b"{}"),
            ("core_started", b"not json"),
            ("tripped", b'{"reason":7,"detail":""}'),
            ("tripped", b'{"reason":"a reason of tomorrow","detail":""}'),
        ],
    )
    def test_an_event_that_makes_no_sense_is_named(self, past: Past, type: str, body: bytes) -> None:
        past.spoil(type, body)
        with pytest.raises(RowUnreadable, match=rf"row 2: not a {type} "):
            past.latched()

    def test_a_trace_that_makes_no_sense_is_named(self, past: Past) -> None:
        past.start_session(2_000)
        past._append(Row("trace", "trace", "s-1", past.stamp(3_000), b'{"cuff":1}'))
        with pytest.raises(RowUnreadable, match=r"row 3: not a trace "):
            past.latched()

    def test_what_decides_nothing_may_say_anything(self, past: Past) -> None:
        past.spoil("hold_reached", b"nonsense")
        past.spoil("an_event_of_tomorrow", b"{}")
        assert past.latched() is None

    @pytest.mark.parametrize("changed", [1, 2, 3])
    def test_a_row_since_the_last_session_began_that_is_not_as_it_was_written_is_named(
        self, after_a_session: Past, changed: int
    ) -> None:
        """A latch, or a debt, may have been changed away."""
        after_a_session.change(changed)
        if changed == 1:  # before the session: nothing that core starts with depends on it
            assert after_a_session.latched() is None
            return
        with pytest.raises(JournalCorrupt, match=rf"row {changed} is not as it was written"):
            after_a_session.latched()


# how long the cuff has been on since the last session


class TestIdle:
    def idle_ms(self, past: Past, boot_id: str, at_ms: int, wall_shift_ms: int = 0) -> int:
        return past.restored(boot_id, past.stamp(at_ms, wall_shift_ms)).idle_ms

    @pytest.fixture
    def over(self, past: Past) -> Past:
        past.start_session(10_000)
        past.end_session(60_000)
        past.event(70_000, Tripped(reason="cuff_absent", detail=""))
        return past

    def test_it_counts_from_the_end_of_the_session_on_the_same_boot(self, over: Past) -> None:
        assert self.idle_ms(over, "a", 260_000) == 200_000

    def test_by_synchronised_clocks_across_boots(self, past: Past) -> None:
        past.clock = ClockQuality.SYNCHRONISED
        past.start_session(10_000)
        past.end_session(60_000)
        assert self.idle_ms(past, "b", 5_000, wall_shift_ms=300_000) == 245_000

    def test_without_a_clock_only_what_was_measured_counts(self, over: Past) -> None:
        assert self.idle_ms(over, "b", 5_000, wall_shift_ms=300_000) == 10_000

    def test_a_session_that_never_ended_counts_from_its_last_row(self, past: Past) -> None:
        past.start_session(10_000)
        past.event(20_000, AUTHORISED)
        assert self.idle_ms(past, "a", 50_000) == 30_000

    def test_without_a_session_it_is_nothing(self, past: Past) -> None:
        assert self.idle_ms(past, "a", 90_000) == 0
