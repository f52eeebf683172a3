"""The parts that keep the limb safe, each alone and at its very edges. Runs on MicroPython too."""

from firmware_bridge import cuff
from firmware_bridge.mcu import limits
from firmware_bridge.mcu.airflow import Airflow
from firmware_bridge.mcu.debt import IschaemiaDebt, is_pressed, shows_more
from firmware_bridge.mcu.inflation import Inflation
from firmware_bridge.mcu.interlock import LONGEST_GAP_MS, Held, disagree, leapt
from firmware_bridge.mcu.lease import Lease
from firmware_bridge.mcu.presence import Contact
from firmware_bridge.mcu.silence import HostSilence
from tests.firmware_bridge.bench import Bench, assert_tripped, energised

# --- readings ----------------------------------------------------------------------------------------


def test_a_condition_is_timed_from_its_begin() -> None:
    held = Held()
    assert held.update(False, 5) == -1
    assert [held.update(True, now) for now in (7, 9)] == [0, 2]
    assert held.update(False, 10) == -1
    assert held.update(True, 11) == 0


def test_a_sensor_that_is_there_shows_more_and_one_that_is_missing_shows_nothing() -> None:
    for both in ((151, 0), (0, 151), (151, None), (None, 151)):
        assert shows_more(both, 150)
    for both in ((150, 150), (150, None), (None, 150), (None, None)):
        assert not shows_more(both, 150)


def test_a_missing_sensor_cannot_rule_pressure_out() -> None:
    for both in ((151, 0), (0, 151), (0, None), (None, 0)):
        assert is_pressed(both)
    assert not is_pressed((150, 150))


def test_a_leap_is_more_than_20_mmhg_in_both_sensors_up_or_down() -> None:
    for now in ((1_901, 1_901), (1_499, 1_499), (1_901, 1_499)):
        for gap_ms in (0, 10, 20):
            assert leapt((1_700, 1_700), now, gap_ms)
    for now in ((1_900, 1_901), (1_901, 1_900), (1_500, 1_499), (1_499, 1_500)):
        assert not leapt((1_700, 1_700), now, 10)


def test_a_leap_over_a_gap_is_judged_by_the_steps_that_fit_into_it() -> None:
    assert not leapt((1_700, 1_700), (2_100, 2_100), 21)
    assert leapt((1_700, 1_700), (2_101, 2_101), 40)
    assert not leapt((1_700, 1_700), (2_101, 2_101), 41)
    assert leapt((1_700, 1_700), (2_901, 2_901), LONGEST_GAP_MS)
    assert not leapt((1_700, 1_700), (9_000, 9_000), LONGEST_GAP_MS + 1)


def test_two_readings_of_one_instant_may_differ_by_a_step() -> None:
    assert not leapt((1_700, 1_700), (1_900, 1_900), 0)
    assert leapt((1_700, 1_700), (1_901, 1_901), 0)


def test_each_sensor_is_compared_with_itself() -> None:
    assert not leapt((1_700, 1_300), (1_700, 1_300), 20)
    assert not leapt((1_700, 1_300), (1_300, 1_300), 20)
    assert leapt((1_700, 1_300), (1_300, 1_700), 20)


def test_two_known_readings_may_be_20_mmhg_apart_and_an_unknown_one_any() -> None:
    assert disagree((0, 201))
    assert disagree((201, 0))
    for both in ((0, 200), (200, 0), (None, 900), (900, None)):
        assert not disagree(both)


def test_exactly_320_mmhg_has_a_tenth_of_a_second() -> None:
    bench = energised()
    bench.board.both(3200)
    bench.run(100)
    assert bench.core.is_energised()
    bench.step(10)
    assert_tripped(bench, cuff.FAULT_OVER_PRESSURE)


def test_a_fault_that_goes_on_takes_presence_away_once() -> None:
    bench = Bench()
    bench.board.both(3201)
    bench.step(10)
    assert not bench.core.presence.stands()
    bench.press()
    assert bench.core.interlock.faults == cuff.FAULT_OVER_PRESSURE
    assert bench.core.presence.stands()


# --- air ---------------------------------------------------------------------------------------------


def test_a_pump_has_five_seconds_for_five_mmhg() -> None:
    airflow = Airflow(0)
    airflow.note_energised()
    assert airflow.faults(1_000, (0, 0), True) == 0
    assert airflow.faults(5_999, (49, 49), True) == 0
    assert airflow.faults(6_000, (49, 49), True) == cuff.FAULT_NO_RISE


def test_five_mmhg_on_either_sensor_are_a_rise_and_its_five_seconds_begin_there() -> None:
    for risen in ((50, 0), (0, 50), (50, None), (None, 50)):
        airflow = Airflow(0)
        airflow.note_energised()
        before = tuple(None if one is None else 0 for one in risen)
        assert airflow.faults(0, before, True) == 0
        assert airflow.faults(4_999, risen, True) == 0
        assert airflow.faults(9_998, risen, True) == 0
        assert airflow.faults(9_999, risen, True) == cuff.FAULT_NO_RISE


def test_a_reading_of_nothing_is_nothing() -> None:
    for before, after in (((0, 0), (49, 49)), ((1, 1), (50, 50)), ((None, None), (49, 49))):
        airflow = Airflow(0)
        airflow.note_energised()
        airflow.faults(0, before, True)
        airflow.faults(4_999, after, True)
        assert airflow.faults(5_000, after, True) == cuff.FAULT_NO_RISE


def test_one_sensor_above_fifteen_mmhg_or_a_pump_that_rests_begins_anew() -> None:
    for both, works in (((151, 0), True), ((0, 151), True), ((0, 0), False)):
        airflow = Airflow(0)
        airflow.note_energised()
        airflow.faults(0, (0, 0), True)
        assert airflow.faults(5_000, both, works) == 0
        assert airflow.faults(6_000, (0, 0), True) == 0
        assert airflow.faults(10_999, (0, 0), True) == 0
        assert airflow.faults(11_000, (0, 0), True) == cuff.FAULT_NO_RISE
    airflow = Airflow(0)
    airflow.faults(0, (150, 150), True)
    assert airflow.faults(5_000, (150, 150), True) == cuff.FAULT_NO_RISE


def test_a_vent_is_checked_once_a_second_after_its_first_known_reading() -> None:
    for after, found in ((601, cuff.FAULT_NOT_DEFLATED), (600, 0)):
        airflow = Airflow(0)
        assert airflow.faults(10, (None, 700), False) == 0
        assert airflow.faults(20, (700, None), False) == 0
        assert airflow.faults(100, (700, 0), False) == 0
        assert airflow.faults(1_099, (700, 0), False) == 0
        assert airflow.faults(1_100, (after, 0), False) == found
        assert airflow.faults(1_110, (700, 0), False) == 0  # a limb leans on it


def test_from_fifty_mmhg_down_the_fall_is_not_asked_for() -> None:
    for at_vent, found in ((500, 0), (501, cuff.FAULT_NOT_DEFLATED)):
        airflow = Airflow(0)
        airflow.faults(0, (at_vent, at_vent), False)
        assert airflow.faults(1_000, (at_vent, at_vent), False) == found


def test_the_next_vent_is_checked_as_well() -> None:
    airflow = Airflow(0)
    airflow.faults(0, (700, 700), False)
    airflow.faults(1_000, (0, 0), False)
    airflow.note_energised()
    assert airflow.faults(2_000, (1_700, 1_700), False) == 0
    airflow.note_vented(3_000)
    assert airflow.faults(3_000, (1_700, 1_700), False) == 0
    assert airflow.faults(4_000, (1_700, 1_700), False) == cuff.FAULT_NOT_DEFLATED


def test_twenty_mmhg_more_than_at_the_vent_are_a_pump_that_runs_on() -> None:
    airflow = Airflow(0)
    airflow.faults(0, (100, 90), False)
    assert airflow.faults(10, (300, 300), False) == 0
    assert airflow.faults(20, (90, 301), False) == cuff.FAULT_PUMP_STUCK
    assert airflow.faults(30, (301, 90), False) == cuff.FAULT_PUMP_STUCK


def test_ten_seconds_after_a_vent_the_cuff_is_seen_empty_or_waited_for() -> None:
    airflow = Airflow(1_000)
    assert airflow.faults(10_999, (151, 151), False) == 0
    assert airflow.faults(11_000, (151, 0), False) == cuff.FAULT_NOT_DEFLATED
    assert airflow.faults(11_010, (0, 151), False) == cuff.FAULT_NOT_DEFLATED
    assert airflow.faults(11_020, (150, None), False) == 0
    assert airflow.faults(11_030, (None, 151), False) == cuff.FAULT_NOT_DEFLATED
    assert airflow.faults(11_040, (150, 150), False) == 0
    assert airflow.faults(11_050, (2_000, 2_000), False) == 0  # it was seen empty


def test_half_power_is_a_pump_at_work() -> None:
    for permille, fault in ((500, cuff.FAULT_NO_RISE), (499, 0)):
        bench = energised()
        bench.core.regulator.step = lambda *_: None
        bench.core.regulator.pump_permille = permille
        bench.run(5_100, renew=1700)
        assert bench.core.interlock.faults == fault


# --- people and host ---------------------------------------------------------------------------------


def test_a_contact_changes_after_three_equal_steps() -> None:
    contact = Contact(closed=False)
    assert [contact.step(closed) for closed in (True, True, False, True, True)] == [False] * 5
    assert contact.step(True)
    assert [contact.step(closed) for closed in (False, False, True, False, False)] == [False] * 5
    assert contact.closed
    assert not contact.step(False)
    assert not contact.closed


def test_a_host_that_falls_silent_is_missed_until_it_or_a_person_is_heard() -> None:
    host = HostSilence()
    assert not host.step(False, 9_000)
    host.hear(10_000)
    assert not host.step(True, 14_999)  # a press before it is lost answers nothing
    assert host.step(False, 15_000)
    assert not host.step(True, 15_010)
    assert not host.step(False, 30_000)


# --- lease and debt ----------------------------------------------------------------------------------


def test_a_number_is_new_when_it_lies_ahead_by_less_than_half_of_all() -> None:
    lease = Lease()
    assert lease.is_new(9)
    lease.use(9)
    for ahead, new in ((0, False), (1, True), (0x7FFF, True), (0x8000, False), (0xFFFF, False)):
        assert lease.is_new((9 + ahead) & 0xFFFF) is new
    lease.use(8)
    assert lease.seq == 9
    lease.use(10)
    assert lease.seq == 10


def test_a_lease_runs_until_its_end_and_no_longer() -> None:
    lease = Lease()
    assert (lease.seq, lease.left_ms(0), lease.is_active(), lease.has_expired(9)) == (0, 0, False, False)
    lease.grant(100, 1_700)
    assert (lease.left_ms(40), lease.left_ms(99), lease.left_ms(100), lease.left_ms(101)) == (60, 1, 0, 0)
    assert (lease.is_active(), lease.has_expired(99), lease.has_expired(100)) == (True, False, True)
    lease.end()
    assert (lease.left_ms(40), lease.target_dmmhg, lease.is_active()) == (0, None, False)


def test_an_inflation_is_over_twenty_seconds_after_its_plan_and_keeps_to_it_until_its_vent() -> None:
    inflation = Inflation()
    assert not inflation.is_overdue(10**9)
    inflation.begin(6_000, 1_000)
    assert [inflation.keeps(planned_ms) for planned_ms in (5_999, 6_000, 6_001)] == [False, True, False]
    assert [inflation.is_overdue(now) for now in (1_000, 26_999, 27_000, 27_001)] == [
        False,
        False,
        True,
        True,
    ]
    inflation.end()
    assert not inflation.is_overdue(27_000)
    assert not inflation.keeps(6_000)


def test_an_inflation_that_did_not_begin_keeps_to_nothing() -> None:
    assert not Inflation().keeps(0)


def test_after_a_reset_each_limb_owes_what_its_own_limit_says() -> None:
    known = limits.DEBT_AFTER_RESET_MS
    limits.DEBT_AFTER_RESET_MS = 7
    try:
        assert IschaemiaDebt().debts_ms == [7] * cuff.LIMBS
    finally:
        limits.DEBT_AFTER_RESET_MS = known


def test_a_limb_that_was_named_and_never_pressed_keeps_no_other_waiting() -> None:
    debt = IschaemiaDebt()
    debt.name(0)
    assert not debt.is_too_soon(1, 5)


def test_debts_that_are_paid_are_not_written_again() -> None:
    debt = IschaemiaDebt()
    debt.debts_ms = [0, 0, 0, 20]
    debt.step(0, 10, 0, 0)
    assert debt.debts_ms == [10, 10, 10, 30]  # before the first reading the cuff may have been pressed
    debt.step(30, 30, 0, 0)
    assert debt.debts_ms == [0, 0, 0, 0]
    paid = debt.debts_ms
    debt.step(40, 10, 0, 0)
    assert debt.debts_ms is paid
