"""What a journal says of a limb whose blood nobody saw come back: every way to open it, and to close it."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from gateway.record.errors import RowUnreadable
from gateway.record.events import (
    CoreStarted,
    CuffDeflated,
    CuffRemoved,
    Event,
    HoldReached,
    InflationStarted,
    SessionEnded,
    Trace,
    TripCleared,
    Tripped,
    VentCommanded,
)
from gateway.record.journal import Journal
from gateway.record.reader import JournalReader
from gateway.record.row import ClockQuality, Row, Stamp, event_row, trace_row
from gateway.runtime.reperfusion import UNSEEN_FALL
from gateway.runtime.restore import restore
from gateway.safety.limits import HARD
from gateway.safety.verification import Unrecovered
from tests.record.script import DEVICE, STARTED, WALL_MS

BEFORE, LOWEST, HALF_WAY = 650, 590, 620
REACHED_MS, VENTED_MS, EMPTY_MS = 20_000, 80_000, 85_000
FAILED = Tripped(reason="reperfusion_failed", detail="")


class Past:
    """A journal with one occlusion of a minute; times in ms of the run that wrote it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._journal = Journal.open(path, device=DEVICE)
        self._session = "s-1"
        self.start_core()
        self.event(1_000, STARTED)

    def start_core(self) -> None:
        self._boot = self._journal.next_boot()
        started = CoreStarted(
            version="",
            boot_id="a",
            config_hash="",
            firmware_limits_crc=0,
            ischaemia_debt_ms=0,
            debt_proof="none",
        )
        self.event(500, started)

    def inflate(self, began_ms: int = 10_000) -> None:
        self.event(began_ms, InflationStarted(cycle=1, target_dmmhg=1700))

    def reach(self, at_ms: int = REACHED_MS) -> None:
        self.event(at_ms, HoldReached(cycle=1, target_dmmhg=1700))

    def vent(self, at_ms: int = VENTED_MS) -> None:
        self.event(at_ms, VentCommanded(cycle=1, reason="planned"))

    def occlude(self, *, vented_ms: int | None = VENTED_MS, empty_ms: int | None = EMPTY_MS) -> None:
        """The saturation falls from one value to the other; ``None`` where a row is missing."""
        self.see((REACHED_MS, BEFORE))
        self.inflate()
        self.reach()
        self.see((REACHED_MS + 1_000, BEFORE - 10), (VENTED_MS, LOWEST))
        if vented_ms is not None:
            self.vent(vented_ms)
        if empty_ms is not None:
            self.event(empty_ms, CuffDeflated(cycle=1))

    def see(self, *values: tuple[int, int | None]) -> None:
        """A trace with these saturations."""
        body = Trace(
            phase="holding", cycle=1, target_dmmhg=1700, ischaemia_debt_ms=0, cuff=[], sto2=list(values)
        )
        self._append(trace_row(body, self._session, self._stamp(values[-1][0])))

    def event(self, at_ms: int, event: Event) -> None:
        self._append(event_row(event, self._session, self._stamp(at_ms)))

    def spoil(self, kind: str, type: str) -> None:
        """A row that makes no sense."""
        assert kind in ("event", "trace")
        row = Row("event" if kind == "event" else "trace", type, self._session, self._stamp(90_000), b"{")
        self._append(row)

    def unrecovered(self) -> Unrecovered | None:
        """What the next run of the core starts with."""
        with JournalReader.open(self._path) as reader:
            return restore(reader, HARD, "a", self._stamp(200_000)).unrecovered

    def close(self) -> None:
        self._journal.close()

    def _stamp(self, at_ms: int) -> Stamp:
        return Stamp(self._boot, at_ms, WALL_MS + at_ms, ClockQuality.UNSYNCHRONISED)

    def _append(self, row: Row) -> None:
        self._journal.append([row])


@pytest.fixture
def past(tmp_path: Path) -> Iterator[Past]:
    found = Past(tmp_path / "journal.db")
    yield found
    found.close()


# opened


def test_a_fall_that_nobody_saw_come_back_is_told_with_its_own_values(past: Past) -> None:
    past.occlude()
    assert past.unrecovered() == Unrecovered(BEFORE, LOWEST)


def test_a_restart_in_the_hold_counts_what_was_seen_of_it(past: Past) -> None:
    past.occlude(vented_ms=None, empty_ms=None)
    assert past.unrecovered() == Unrecovered(BEFORE, LOWEST)


def test_a_short_hold_that_nobody_saw_the_end_of_counts_too(past: Past) -> None:
    past.see((REACHED_MS, BEFORE))
    past.inflate()
    past.reach()
    past.see((REACHED_MS + 30_000, LOWEST))
    past.start_core()
    past.event(900, SessionEnded(outcome="interrupted", reason="core_restarted"))
    assert past.unrecovered() == Unrecovered(BEFORE, LOWEST)


@pytest.mark.parametrize(("held_ms", "counts"), [(60_000, True), (59_999, False)])
def test_a_hold_of_a_minute_is_judged(past: Past, held_ms: int, counts: bool) -> None:
    past.occlude(vented_ms=REACHED_MS + held_ms)
    past.see((REACHED_MS + held_ms, LOWEST))
    assert (past.unrecovered() is not None) is counts


@pytest.mark.parametrize(("lowest", "counts"), [(BEFORE - 50, True), (BEFORE - 49, False)])
def test_a_fall_of_five_points_is_one(past: Past, lowest: int, counts: bool) -> None:
    past.inflate()
    past.see((REACHED_MS, BEFORE))
    past.reach()
    past.see((REACHED_MS + 5_000, None), (VENTED_MS - 1, lowest), (VENTED_MS, BEFORE), (VENTED_MS + 1, 0))
    past.vent()
    found = past.unrecovered()
    assert found == (Unrecovered(BEFORE, lowest) if counts else None)


@pytest.mark.parametrize(
    ("values", "counts"),
    [
        ([(REACHED_MS - 10_000, BEFORE)], True),
        ([(REACHED_MS - 10_001, BEFORE)], False),
        ([(REACHED_MS - 2_000, BEFORE), (REACHED_MS - 1_000, None)], False),
        ([(REACHED_MS - 2_000, None), (REACHED_MS - 1_000, BEFORE)], True),
    ],
)
def test_what_it_fell_from_is_the_newest_value_at_the_target(
    past: Past, values: Sequence[tuple[int, int | None]], counts: bool
) -> None:
    past.see(*values)
    past.inflate()
    past.reach()
    past.see((VENTED_MS, LOWEST))
    past.vent()
    assert (past.unrecovered() is not None) is counts


def test_a_climb_counts_from_the_first_target_that_it_reached(past: Past) -> None:
    past.see((REACHED_MS, BEFORE))
    past.inflate()
    past.reach()
    past.see((50_000, LOWEST))
    past.reach(50_000)
    past.vent()
    assert past.unrecovered() == Unrecovered(BEFORE, LOWEST)


def test_only_the_first_vent_and_the_first_empty_cuff_count(past: Past) -> None:
    past.occlude()
    past.event(99_000, CuffDeflated(cycle=1))
    past.vent(99_000)
    past.see((EMPTY_MS, HALF_WAY))
    assert past.unrecovered() is None


# closed


@pytest.mark.parametrize(
    ("at_ms", "value", "closed"),
    [
        (EMPTY_MS, HALF_WAY, True),
        (EMPTY_MS, HALF_WAY - 1, False),
        (EMPTY_MS - 1, BEFORE, False),
        (EMPTY_MS, None, False),
    ],
)
def test_half_of_it_seen_at_an_empty_cuff_closes_it(
    past: Past, at_ms: int, value: int | None, closed: bool
) -> None:
    past.occlude()
    past.see((at_ms, value), (at_ms + 1, LOWEST))
    assert (past.unrecovered() is None) is closed


def test_without_an_empty_cuff_nothing_has_come_back(past: Past) -> None:
    past.occlude(empty_ms=None)
    past.see((EMPTY_MS, BEFORE))
    assert past.unrecovered() == Unrecovered(BEFORE, LOWEST)


@pytest.mark.parametrize(
    "since", [CuffRemoved(), InflationStarted(cycle=2, target_dmmhg=1700)], ids=["removed", "inflated"]
)
@pytest.mark.parametrize("failed", [False, True])
def test_a_cuff_that_is_removed_and_an_inflation_that_was_permitted_close_it(
    past: Past, since: Event, failed: bool
) -> None:
    past.occlude()
    if failed:
        past.event(150_000, FAILED)
    past.event(160_000, since)
    assert past.unrecovered() is None


# the trip


def test_a_failed_recovery_stands_after_it_was_cleared(past: Past) -> None:
    past.occlude()
    past.event(150_000, FAILED)
    assert past.unrecovered() == Unrecovered(BEFORE, LOWEST, failed=True)
    past.event(151_000, TripCleared(reason="reperfusion_failed"))
    assert past.unrecovered() == Unrecovered(BEFORE, LOWEST, failed=True)


def test_another_trip_is_no_failed_recovery(past: Past) -> None:
    past.occlude()
    past.event(150_000, Tripped(reason="pressure_lost", detail=""))
    assert past.unrecovered() == Unrecovered(BEFORE, LOWEST)


def test_it_stands_through_restarts_and_through_the_session_after_it(past: Past) -> None:
    past.occlude()
    past.start_core()
    past.event(70_000, FAILED)
    past.event(71_000, TripCleared(reason="reperfusion_failed"))
    past.event(72_000, SessionEnded(outcome="interrupted", reason="reperfusion_failed"))
    past.event(80_000, STARTED)
    past.event(80_001, VentCommanded(cycle=1, reason="planned"))
    past.event(80_001, CuffDeflated(cycle=1))
    past.start_core()
    past.see((90_000, BEFORE))  # of another run: that one has judged it itself
    assert past.unrecovered() == Unrecovered(BEFORE, LOWEST, failed=True)


def test_a_recovery_that_was_seen_after_the_trip_closes_it(past: Past) -> None:
    past.occlude()
    past.event(150_000, FAILED)
    past.see((160_000, HALF_WAY))
    assert past.unrecovered() is None


def test_a_failed_recovery_whose_fall_is_not_on_record_stands_until_the_cuff_is_removed(past: Past) -> None:
    past.event(150_000, FAILED)
    assert past.unrecovered() == UNSEEN_FALL
    past.see((160_000, 1_000))
    assert past.unrecovered() == UNSEEN_FALL
    past.event(161_000, CuffRemoved())
    assert past.unrecovered() is None


def test_a_failed_recovery_counts_however_short_the_hold_was(past: Past) -> None:
    past.occlude(vented_ms=REACHED_MS + 10)
    past.event(150_000, FAILED)
    assert past.unrecovered() == UNSEEN_FALL


# what cannot be read


@pytest.mark.parametrize(("kind", "type"), [("event", "tripped"), ("trace", "trace")])
def test_a_row_that_says_nothing_is_an_error(past: Past, kind: str, type: str) -> None:
    past.occlude()
    past.spoil(kind, type)
    with pytest.raises(RowUnreadable):
        past.unrecovered()
