"""The fold against sessions worked out by hand."""

from collections.abc import Iterable

import msgspec
import pytest

from gateway.record import events
from gateway.record.errors import RowUnreadable, SessionUnknown
from gateway.record.facts import gather
from gateway.record.journal import Journal
from gateway.record.row import ClockQuality, Row, StoredRow, event_row
from gateway.record.summary import Summary, fold
from tests.record.script import SESSION, TARGET_DMMHG, WALL_MS, Script

TARGET = TARGET_DMMHG / 10


def stored(rows: Iterable[Row]) -> list[StoredRow]:
    """As a journal would number them; the fold looks at neither numbers nor hashes."""
    return [
        StoredRow(row.kind, row.type, row.session, row.stamp, row.body, seq, None, b"")
        for seq, row in enumerate(rows, start=1)
    ]


def summary_of(script: Script) -> Summary:
    return fold(stored(script.rows), SESSION)


def steady(
    begin_s: float, end_s: float, mmhg: float | None, step_s: float = 0.05
) -> list[tuple[float, float | None]]:
    return [(begin_s + step * step_s, mmhg) for step in range(round((end_s - begin_s) / step_s))]


def two_cycles() -> Script:
    """Cycles of 6 s with 1 s up and 1 s down; StO2 falls from 70 to 50 % and comes back."""
    script = Script()
    script.start(10.0)
    script.event(10.0, events.BloodPressureEntered(systolic_mmhg=120, diastolic_mmhg=70))
    script.trace(15.0, steady(10, 15, 0), [(10 + second, 70.0) for second in range(5)], debt_ms=1500)
    script.cycle(1, 15.0, 16.0, 21.0, 22.0)
    script.trace(22.0, steady(16, 21, TARGET), [(16.0, 69.0), (21.0, 50.0), (22.0, 60.0), (23.0, 71.0)])
    script.cycle(2, 28.0, 29.0, 34.0, 35.0)
    script.trace(35.0, steady(29, 34, TARGET), [(30.0, 60.0), (34.0, 52.0), (35.5, 69.9), (36.25, 70.0)])
    script.end(41.0)
    return script


def test_a_whole_session() -> None:
    summary = summary_of(two_cycles())
    assert summary == Summary(
        session=SESSION,
        prescription="demo",
        prescription_hash="ab12",
        limb="left_thigh",
        outcome="completed",
        end_reason="planned",
        cuff_description="simulated fast cuff (1 s up, 1 s down)",
        oximeter_description="simulated limb, physiology sped up",
        cuff_serial="C-1",
        started_wall_ms=WALL_MS + 10_000,
        ended_wall_ms=WALL_MS + 41_000,
        duration_s=31.0,
        clock_quality="simulated",
        boots=[1],
        occlusion_prescribed_s=6.0,
        reperfusion_prescribed_s=6.0,
        margin_mmhg=50,
        cycles_prescribed=2,
        cycles_delivered=2,
        cycles_skipped=0,
        occlusion_s=[6.0, 6.0],
        reperfusion_s=[6.0, 6.0],
        target_mmhg=[170.0, 170.0],
        vent_reasons=["planned", "planned"],
        time_in_band_5pct=1.0,
        time_in_band_10pct=1.0,
        time_in_band_15mmhg=1.0,
        sto2_baseline_percent=70.0,
        sto2_minimum_percent=50.0,
        sto2_recovery_s=2.25,
        systolic_mmhg=[120],
        diastolic_mmhg=[70],
        ischaemia_debt_start_s=1.5,
        stops=[],
        trips=[],
        alarms=[],
        alarm_highest_priority=None,
        version="0.1.0",
        firmware="1.0.0",
        firmware_limits_crc=123456,
        blood_pressure_sources=["person"],
    )


def test_the_document_is_flat_and_keeps_its_types_on_the_wire() -> None:
    summary = summary_of(two_cycles())
    document = msgspec.json.decode(msgspec.json.encode(summary))
    for value in document.values():
        for scalar in value if isinstance(value, list) else [value]:
            assert scalar is None or isinstance(scalar, str | int | float)
    for key in ("duration_s", "occlusion_prescribed_s", "time_in_band_5pct", "sto2_baseline_percent"):
        assert isinstance(document[key], float)
    assert all(isinstance(value, float) for value in document["occlusion_s"] + document["target_mmhg"])
    assert msgspec.json.decode(msgspec.json.encode(summary), type=Summary) == summary
    assert Summary.name == "session_summary"


def test_the_fold_of_a_real_journal_is_the_fold_of_its_rows(journal: Journal) -> None:
    rows = journal.append(two_cycles().rows)
    assert fold(rows, SESSION) == summary_of(two_cycles())


def test_neither_a_stored_summary_nor_other_rows_change_the_fold() -> None:
    script = two_cycles()
    expected = summary_of(script)
    stranger = events.VentCommanded(cycle=1, reason="tripped")
    script.rows.insert(2, event_row(stranger, "s-2", script.stamp(11)))
    script.rows.insert(2, Row("audit", "tripped", SESSION, script.stamp(11), b'{"reason":"not an event"}'))
    script.rows.insert(2, Row("event", "of_a_later_version", SESSION, script.stamp(11), b"{}"))
    false = msgspec.structs.replace(expected, outcome="stopped", cycles_delivered=0)
    script.rows.insert(2, event_row(false, SESSION, script.stamp(11)))
    assert summary_of(script) == expected


def test_what_follows_the_end_belongs_to_no_summary() -> None:
    script = two_cycles()
    expected = summary_of(script)
    script.boot = 2
    script.trace(1.0, steady(0, 1, 0), [(0.5, 1.0)])
    script.event(2.0, events.Tripped(reason="over_pressure", detail=""))
    script.end(3.0, "interrupted", "core_restarted")
    assert summary_of(script) == expected


def test_the_last_seconds_samples_may_follow_the_end(script: Script) -> None:
    script.start()
    script.cycle(1, 5.0, 6.0, 7.0, 7.5)
    script.end(8.0)
    script.trace(8.0, [*steady(6, 7, TARGET), (9.0, 0.0)], [(6.5, 61.0), (8.0, 60.0), (8.1, 1.0)])
    summary = summary_of(script)
    assert summary.time_in_band_5pct == 1.0
    assert summary.sto2_minimum_percent == 61.0
    assert summary.ischaemia_debt_start_s is None
    assert summary.duration_s == 8.0


def test_samples_after_the_end_count_for_nothing(script: Script) -> None:
    script.start()
    script.cycle(1, 5.0, 6.0, None)
    script.end(8.0, "stopped", "stopped_by_operator")
    script.trace(9.0, steady(6, 9, TARGET), [(8.0, 60.0), (8.1, 1.0)])
    summary = summary_of(script)
    assert summary.time_in_band_5pct == 1.0
    assert summary.sto2_minimum_percent == 60.0


def test_no_hold_has_no_time_in_band() -> None:
    script = Script()
    script.start()
    script.cycle(1, 5.0, None, 20.0, 21.0, reason="inflation_too_slow")
    script.trace(20.0, steady(5, 20, 100))
    script.end(30.0, "stopped", "inflation_too_slow")
    summary = summary_of(script)
    assert (summary.time_in_band_5pct, summary.time_in_band_10pct, summary.time_in_band_15mmhg) == (None,) * 3
    assert (summary.cycles_delivered, summary.occlusion_s, summary.vent_reasons) == (
        0, [15.0], ["inflation_too_slow"],
    )  # fmt: skip


def test_a_session_without_any_cycle() -> None:
    script = Script()
    script.start()
    script.event(3.0, events.SessionStopped(reason="stopped_by_operator"))
    script.end(3.0, "stopped", "stopped_by_operator")
    summary = summary_of(script)
    assert (summary.occlusion_s, summary.reperfusion_s, summary.target_mmhg) == ([], [], [])
    assert (summary.stops, summary.outcome, summary.duration_s) == (["stopped_by_operator"], "stopped", 3.0)
    assert summary.sto2_baseline_percent is summary.sto2_minimum_percent is summary.sto2_recovery_s is None
    assert summary.ischaemia_debt_start_s is None


def test_an_empty_cuff_that_no_session_uses_is_not_kept() -> None:
    """An hour of it would be 72,000 samples in core's memory, for nothing."""
    shown: list[tuple[float, float | None]] = [
        (1.0, 0.0),
        (1.05, 15.0),
        (1.1, 15.1),
        (1.15, None),
        (1.2, 3.0),
    ]
    for uses_cuff, kept in ((False, [151, None]), (True, [0, 150, 151, None, 30])):
        script = Script()
        script.start(uses_cuff=uses_cuff)
        script.trace(2.0, shown)
        found = gather(stored(script.rows), SESSION)
        assert [sample.dmmhg for sample in found.cuff[1]] == kept


def test_bands_are_weighted_by_time_over_all_holds() -> None:
    script = Script()
    script.start()
    script.cycle(1, 0.0, 1.0, 3.0, 4.0)  # 2 s of hold, on target
    script.cycle(2, 10.0, 11.0, 17.0, 18.0)  # 6 s of hold: 3 s at +9 %, 3 s at +20 mmHg
    script.trace(4.0, steady(1, 3, TARGET))
    script.trace(18.0, steady(11, 14, 1.09 * TARGET) + steady(14, 17, TARGET + 20))
    script.end(30.0)
    summary = summary_of(script)
    assert summary.time_in_band_5pct == 2 / 8
    assert summary.time_in_band_10pct == 5 / 8
    assert summary.time_in_band_15mmhg == 2 / 8


def test_silence_in_a_hold_counts_as_out_of_band() -> None:
    script = Script()
    script.start()
    script.cycle(1, 0.0, 1.0, 5.0, 6.0)
    script.trace(5.0, [*steady(1, 2, TARGET), (2.0, None), (2.05, TARGET), (4.0, TARGET), (4.9, TARGET)])
    script.end(30.0)
    # 1 s of frames, nothing for 50 ms, then 250 ms, 250 ms, and the 100 ms that were left
    assert summary_of(script).time_in_band_5pct == 1.6 / 4


def test_the_frame_before_a_hold_stands_for_its_beginning() -> None:
    script = Script()
    script.start()
    script.cycle(1, 0.0, 1.0, 2.0, 3.0)
    script.trace(2.0, [(0.9, TARGET)])
    script.end(30.0)
    assert summary_of(script).time_in_band_5pct == 0.15


def test_no_frame_at_all_in_a_hold_is_no_time_in_band() -> None:
    script = Script()
    script.start()
    script.cycle(1, 0.0, 1.0, 5.0, 6.0)
    script.end(30.0)
    assert summary_of(script).time_in_band_15mmhg == 0.0


def test_samples_of_impossible_pressure_or_out_of_order_do_not_break_the_fold() -> None:
    script = Script()
    script.start()
    script.cycle(1, 0.0, 1.0, 2.0, 3.0)
    script.trace(2.0, [(1.5, TARGET), (1.0, TARGET), (1.25, 9999.9), (1.75, TARGET)])
    script.end(30.0)
    assert summary_of(script).time_in_band_5pct == 0.75


def test_baseline_needs_five_values_of_the_last_30_s() -> None:
    for values, expected in (([70.0, 71.0, 72.0, None, 73.0], None), ([70.0, 71.0, 72.0, 73.0, 74.2], 72.04)):
        script = Script()
        script.start()
        early = [(9.999, 10.0)]  # 30.001 s before the inflation
        script.trace(20.0, sto2=early + [(10.0 + second, value) for second, value in enumerate(values)])
        script.cycle(1, 40.0, 41.0, 46.0, 47.0)
        script.trace(41.0, sto2=[(40.0, 99.0)])  # at the inflation is no longer before it
        script.end(50.0)
        assert summary_of(script).sto2_baseline_percent == expected


def test_minimum_lasts_until_the_last_deflation() -> None:
    script = Script()
    script.start()
    script.trace(4.0, sto2=[(4.0, 20.0)])  # before the first inflation
    script.cycle(1, 5.0, 6.0, 11.0, 12.0)
    script.trace(12.0, sto2=[(11.5, 48.0)])
    script.cycle(2, 20.0, 21.0, 26.0, 28.0)
    script.trace(30.0, sto2=[(22.0, None), (28.0, 47.5), (28.5, 30.0)])  # the last one after deflation
    script.end(50.0)
    assert summary_of(script).sto2_minimum_percent == 47.5


def baseline_then_cycles(script: Script, cycles: int = 1) -> None:
    script.start()
    script.trace(5.0, sto2=[(float(second), 70.0) for second in range(5)])
    for number in range(1, cycles + 1):
        script.cycle(number, 20.0 * number, 20.0 * number + 1, 20.0 * number + 6, 20.0 * number + 7)


def test_missing_values_leave_baseline_and_recovery_unknown(script: Script) -> None:
    script.start()
    script.cycle(1, 20.0, 21.0, 26.0, 27.0)
    script.trace(28.0, sto2=[(22.0, None), (27.0, None)])
    script.end(40.0)
    summary = summary_of(script)
    assert summary.sto2_baseline_percent is summary.sto2_minimum_percent is summary.sto2_recovery_s is None


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([(25.0, 50.0), (27.0, 69.9), (29.0, 70.0)], 3.0),  # at the baseline is back
        ([(25.0, 50.0), (26.0, 71.0)], 0.0),  # at the vent command is after it
        ([(25.0, 50.0), (25.9, 71.0), (27.0, 60.0), (28.0, 71.0)], 2.0),  # before the vent is not
        ([(25.0, 50.0), (27.0, None), (29.0, 69.9)], None),  # never came back
        ([(25.0, 70.0), (29.0, 71.0)], None),  # never fell
        ([(25.0, 50.0), (40.5, 71.0)], None),  # after the end
    ],
)
def test_recovery(script: Script, values: list[tuple[float, float | None]], expected: float | None) -> None:
    baseline_then_cycles(script)
    script.trace(39.0, sto2=values)
    script.end(40.0)
    assert summary_of(script).sto2_recovery_s == expected


@pytest.mark.parametrize(("back_s", "expected"), [(59.5, 13.5), (60.5, None)])
def test_recovery_is_that_of_the_last_delivered_cycle_and_ends_with_the_next_inflation(
    script: Script, back_s: float, expected: float | None
) -> None:
    baseline_then_cycles(script, cycles=2)
    script.cycle(3, 60.0, 61.0, 63.0, 64.0, reason="stopped_by_operator")
    script.trace(66.0, sto2=[(22.0, 50.0), (28.0, 71.0), (42.0, 50.0), (59.0, 60.0), (back_s, 70.0)])
    script.end(80.0)
    assert summary_of(script).sto2_recovery_s == expected


def test_an_exact_mean_decides_what_is_back(script: Script) -> None:
    """The mean is 70.06666... %: 70.0 is below it, though both print as 70.1 and 70.0."""
    script.start()
    script.trace(
        6.0, sto2=[(float(at), value) for at, value in enumerate([70.0, 70.0, 70.0, 70.1, 70.1, 70.2])]
    )
    script.cycle(1, 20.0, 21.0, 26.0, 27.0)
    script.trace(39.0, sto2=[(25.0, 50.0), (27.0, 70.0), (28.0, 70.1)])
    script.end(40.0)
    assert summary_of(script).sto2_recovery_s == 2.0


def test_a_cycle_that_was_skipped_leaves_a_hole_in_every_list(script: Script) -> None:
    script.start()
    script.event(5.0, events.CycleSkipped(cycle=1, reason="blood_pressure_stale"))
    script.cycle(2, 20.0, 21.0, 26.0, 27.0)
    script.end(40.0)
    summary = summary_of(script)
    assert (summary.cycles_skipped, summary.cycles_delivered) == (1, 1)
    assert (summary.occlusion_s, summary.reperfusion_s) == ([None, 6.0], [None, 13.0])
    assert (summary.target_mmhg, summary.vent_reasons) == ([None, 170.0], [None, "planned"])


def test_a_cuff_that_never_deflated_has_no_reperfusion(script: Script) -> None:
    script.start()
    script.cycle(1, 20.0, 21.0, 26.0, None)
    script.end(40.0)
    assert summary_of(script).reperfusion_s == [None]


def test_alarms_trips_and_stops_in_order(script: Script) -> None:
    script.start()
    for at_s, condition, priority in ((1.0, "link_lost", "low"), (2.0, "pressure_deviation", "medium")):
        alarm = events.AlarmRaised(alarm_id=condition, condition=condition, priority=priority, text="")
        script.event(at_s, alarm)
    assert summary_of(script).alarm_highest_priority == "medium"
    script.event(3.0, events.AlarmEnded(alarm_id="link_lost", condition="link_lost"))
    script.event(4.0, events.Tripped(reason="sensors_disagree", detail="control 170.0, limit 120.0"))
    raised = events.AlarmRaised(alarm_id="3", condition="sensors_disagree", priority="high", text="")
    script.event(4.0, raised)
    script.end(5.0, "stopped", "sensors_disagree")
    summary = summary_of(script)
    assert summary.alarms == ["link_lost", "pressure_deviation", "sensors_disagree"]
    assert summary.alarm_highest_priority == "high"
    assert (summary.trips, summary.end_reason) == (["sensors_disagree"], "sensors_disagree")


def test_an_open_session_runs(script: Script) -> None:
    script.start()
    script.cycle(1, 5.0, 6.0, 11.0, 12.0)
    script.cycle(2, 20.0, 21.0, None)
    script.trace(23.0, steady(6, 11, TARGET) + steady(21, 23, TARGET))
    summary = summary_of(script)
    assert (summary.outcome, summary.end_reason, summary.ended_wall_ms) == ("running", None, None)
    assert (summary.duration_s, summary.cycles_delivered) == (23.0, 1)
    assert (summary.occlusion_s, summary.reperfusion_s) == ([6.0, None], [8.0, None])
    assert summary.time_in_band_5pct == 1.0


@pytest.mark.parametrize(
    ("clock", "duration_s", "seen"),
    [
        (ClockQuality.SYNCHRONISED, 64.0, "synchronised"),
        (ClockQuality.HOLDOVER, None, "holdover"),
        (ClockQuality.UNSYNCHRONISED, None, "unsynchronised"),
    ],
)
def test_a_session_that_core_died_in(clock: ClockQuality, duration_s: float | None, seen: str) -> None:
    """Killed 4 s into a hold, whose last 0.5 s had no frames; a later run of core writes the ending."""
    script = Script(ClockQuality.SYNCHRONISED)
    script.start(100.0)
    script.cycle(1, 110.0, 111.0, 116.0, 117.0)
    script.cycle(2, 130.0, 131.0, None)
    script.trace(117.0, steady(111, 116, TARGET))
    script.trace(135.0, steady(131, 134.5, TARGET))
    script.boot, script.clock = 2, clock
    script.wall_offset_ms += 162_000
    script.end(2.0, "interrupted", "core_restarted")
    summary = summary_of(script)
    assert (summary.outcome, summary.end_reason) == ("interrupted", "core_restarted")
    assert (summary.boots, summary.clock_quality, summary.duration_s) == ([1, 2], seen, duration_s)
    assert (summary.occlusion_s, summary.reperfusion_s) == ([6.0, None], [13.0, None])
    assert (summary.cycles_delivered, summary.vent_reasons) == (1, ["planned", None])
    # 5 s and 4 s of hold, of the second 3.45 s by frames and 0.25 s that the last one stands for
    assert summary.time_in_band_5pct == 8700 / 9000


def test_a_wall_clock_that_went_back_gives_no_duration(script: Script) -> None:
    script.start(100.0)
    script.boot = 2
    script.end(2.0, "interrupted", "core_restarted")
    assert summary_of(script).duration_s is None


def test_an_unknown_session_is_named() -> None:
    with pytest.raises(SessionUnknown, match="session s-9: its start is not recorded"):
        fold(stored(two_cycles().rows), "s-9")


@pytest.mark.parametrize("body", [b"{}", b"not json", b'{"cycle":"one","target_dmmhg":1}'])
def test_a_row_of_another_shape_is_named(script: Script, body: bytes) -> None:
    script.start()
    script.rows.append(Row("event", "hold_reached", SESSION, script.stamp(1.0), body))
    with pytest.raises(RowUnreadable, match="row 2: not a hold_reached"):
        summary_of(script)
