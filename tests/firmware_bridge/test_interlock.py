"""What makes the firmware vent by itself, latching and clearing. Runs on MicroPython too."""

from firmware_bridge import cuff
from tests.firmware_bridge.bench import Bench, assert_tripped, energised, latched

# --- pressure ceilings -------------------------------------------------------------------------------


def test_above_the_trip_for_a_tenth_of_a_second() -> None:
    for control, limit in ((3101, 2950), (2950, 3101)):
        bench = energised()
        bench.board.control, bench.board.limit = control, limit
        bench.run(100)
        assert bench.core.is_energised()
        bench.step(10)
        assert_tripped(bench, cuff.FAULT_OVER_PRESSURE)


def test_at_the_trip_is_not_above_it() -> None:
    bench = energised()
    bench.board.both(3100)
    bench.run(400)
    assert bench.core.is_energised()


def test_a_dip_restarts_the_tenth_of_a_second() -> None:
    bench = energised()
    for _ in range(4):
        bench.board.both(3150)
        bench.run(90)
        bench.board.both(3000)
        bench.step(10)
    assert bench.core.is_energised()


def test_far_above_the_trip_once() -> None:
    for control, limit in ((3201, 3100), (3100, 3201)):
        bench = energised()
        bench.board.control, bench.board.limit = control, limit
        bench.step(10)
        assert_tripped(bench, cuff.FAULT_OVER_PRESSURE)


def test_over_pressure_latches_while_vented_too() -> None:
    bench = Bench()
    bench.board.limit = 3201
    bench.step(10)
    assert_tripped(bench, cuff.FAULT_OVER_PRESSURE)


# --- sensors -----------------------------------------------------------------------------------------


def test_a_missing_sensor_while_energised() -> None:
    for missing, fault in (("control", cuff.FAULT_CONTROL_SENSOR), ("limit", cuff.FAULT_LIMIT_SENSOR)):
        bench = energised()
        setattr(bench.board, missing, None)
        bench.run(110)
        assert bench.board.dump_closed
        bench.step(10)
        assert_tripped(bench, fault)


def test_nothing_is_pumped_while_the_control_sensor_is_missing() -> None:
    bench = energised()
    bench.board.control = None
    bench.step(10)
    assert (bench.board.dump_closed, bench.board.inflate_open, bench.board.pump_permille) == (True, False, 0)
    bench.board.control = 0
    bench.step(10)
    assert bench.board.pump_permille == 1000


def test_missing_sensors_while_vented_are_no_fault_but_refuse_an_inflation() -> None:
    bench = Bench()
    bench.board.both(None)
    bench.run(5000)
    assert bench.faults() == (0, 0)
    assert (bench.status.control_dmmhg, bench.status.limit_dmmhg) == (None, None)
    assert bench.lease() == cuff.FAULTED
    assert bench.faults() == (cuff.FAULT_CONTROL_SENSOR | cuff.FAULT_LIMIT_SENSOR, cuff.FAULT_CONTROL_SENSOR)


def test_sensors_that_disagree_for_a_second() -> None:
    bench = energised()
    bench.board.control, bench.board.limit = 1000, 1201
    bench.run(1010, renew=1700)
    assert bench.board.dump_closed
    bench.step(10)
    assert_tripped(bench, cuff.FAULT_SENSORS_DISAGREE)


def test_sensors_just_close_enough_agree() -> None:
    bench = energised()
    bench.board.control, bench.board.limit = 1200, 1000
    bench.run(3000, renew=1700)
    assert bench.board.dump_closed


def test_sensors_may_disagree_while_vented() -> None:
    bench = Bench()
    bench.board.limit = 140
    bench.board.control = -100
    bench.run(3000)
    assert bench.faults() == (0, 0)


def leaping() -> Bench:
    """A bench with 170 mmHg in the cuff, whose next readings are taken as they are."""
    bench = energised()
    bench.board.both(1700)
    bench.run(50)
    bench.leaps = True
    bench.step(10)
    return bench


def test_both_sensors_leap_at_once_further_than_air_can_go() -> None:
    for to in (1901, 1499):
        bench = leaping()
        assert bench.core.is_energised()
        bench.board.both(to)
        bench.step(10)
        assert_tripped(bench, cuff.FAULT_PRESSURE_STEP)


def test_what_air_or_a_limb_can_do_is_no_leap() -> None:
    bench = leaping()
    for to in (1900, 2100, 1900, 1700):
        bench.board.both(to)
        bench.step(10)
    assert bench.core.is_energised()


def test_one_sensor_that_leaps_is_not_both() -> None:
    bench = leaping()
    bench.board.control = 1850
    bench.board.limit = 1950
    bench.step(10)
    bench.board.control = 2000
    bench.step(10)
    assert bench.core.is_energised()


def test_readings_further_apart_than_two_steps_say_nothing_of_how_fast_it_was() -> None:
    for late_ms, energised_then in ((20, False), (21, True)):
        bench = leaping()
        bench.board.both(1950)
        bench.step(late_ms)
        assert bench.core.is_energised() is energised_then


_OVER_MISSING_READINGS = (
    (("control",), 1901, True),  # 20 ms after the last pair
    (("limit",), 1499, True),
    (("control", "limit"), 2101, True),  # 30 ms: as far as in two steps of 20 ms
    (("control",), 1900, False),
    (("control", "limit", "limit"), 2101, True),
    (("control", "control", "limit"), 2100, False),
    (("limit",) * 9, 2701, True),  # 100 ms: five of them
    (("limit",) * 9, 2700, False),
)


def test_a_leap_over_missing_readings_is_judged_from_the_last_pair() -> None:
    for missing, to, trips in _OVER_MISSING_READINGS:
        bench = leaping()
        for one in missing:
            bench.board.both(to)
            setattr(bench.board, one, None)
            bench.step(10)
            assert bench.core.is_energised(), "one reading that is missing trips nothing"
        bench.board.both(to)
        bench.step(10)
        assert bool(bench.faults()[0] & cuff.FAULT_PRESSURE_STEP) is trips, (missing, to)


def test_after_a_gap_that_trips_by_itself_a_leap_is_not_judged() -> None:
    bench = leaping()
    bench.board.both(1499)
    bench.step(201)
    assert not bench.faults()[0] & cuff.FAULT_PRESSURE_STEP
    bench = leaping()
    bench.board.both(2500)
    bench.step(40)
    assert bench.faults()[0] & cuff.FAULT_PRESSURE_STEP, "further than in two steps"


def test_a_cuff_may_empty_as_fast_as_it_likes() -> None:
    bench = leaping()
    bench.vent()
    bench.step(10)
    for to in (1200, 100, 0):
        bench.board.both(to)
        bench.step(10)
    bench.run(100)
    assert bench.faults() == (0, 0)


# --- loop --------------------------------------------------------------------------------------------


def test_a_late_loop_while_energised() -> None:
    bench = energised()
    bench.step(200)
    assert bench.board.dump_closed
    bench.step(201)
    assert_tripped(bench, cuff.FAULT_LOOP_LATE)


def test_a_late_loop_is_named_before_the_lease_that_ran_out_meanwhile() -> None:
    bench = energised()
    bench.step(3000)
    assert_tripped(bench, cuff.FAULT_LOOP_LATE)


def test_a_late_loop_is_noticed_before_a_lease_is_looked_at() -> None:
    bench = energised()
    bench.now_ms += 201
    assert bench.lease() == cuff.FAULTED
    assert bench.board.is_vented()
    assert bench.faults()[1] == cuff.FAULT_LOOP_LATE


def test_a_late_loop_while_vented_is_no_fault() -> None:
    bench = Bench()
    bench.step(5000)
    bench.now_ms += 5000
    assert bench.lease() == cuff.OK
    bench.step(10)
    assert bench.board.dump_closed


# --- deflation ---------------------------------------------------------------------------------------


def test_a_cuff_that_does_not_empty() -> None:
    bench = energised()
    bench.vent()
    bench.board.limit = 151
    bench.run(9990)
    assert not bench.core.interlock.faults
    bench.step(10)
    assert_tripped(bench, cuff.FAULT_NOT_DEFLATED)


def test_a_cuff_that_is_empty_in_time_may_be_touched_later() -> None:
    bench = energised()
    bench.board.both(300)
    bench.vent()
    bench.run(9900)
    bench.board.both(150)
    bench.run(200)
    bench.board.both(400)
    bench.run(5000)
    assert bench.faults() == (0, 0)


def test_an_unknown_pressure_is_waited_for() -> None:
    bench = energised()
    bench.vent()
    bench.board.both(None)
    bench.run(12000)
    assert bench.faults() == (0, 0)
    bench.board.both(151)
    bench.step(10)
    assert_tripped(bench, cuff.FAULT_NOT_DEFLATED)


def test_a_new_inflation_is_not_a_failed_deflation() -> None:
    bench = energised()
    bench.vent()
    bench.run(3000)
    bench.board.both(1700)
    bench.run(15000, renew=1700)
    assert bench.board.dump_closed


def test_a_reset_on_a_full_cuff_is_noticed() -> None:
    bench = Bench()
    bench.board.both(450)
    bench.run(9990)
    assert not bench.core.interlock.faults
    bench.step(10)
    assert_tripped(bench, cuff.FAULT_NOT_DEFLATED)


def test_a_deflation_is_counted_from_the_vent_not_from_a_repetition() -> None:
    bench = energised()
    bench.vent()
    bench.board.both(300)
    for _ in range(10):
        bench.run(1000)
        bench.vent()
    assert_tripped(bench, cuff.FAULT_NOT_DEFLATED)


# --- latching and clearing ---------------------------------------------------------------------------


def test_the_first_reason_stays_the_first() -> None:
    bench = latched()
    bench.board.both(3201)
    bench.step(10)
    faults, first = bench.faults()
    assert faults == cuff.FAULT_GATEWAY_LOST | cuff.FAULT_OVER_PRESSURE | cuff.FAULT_PUMP_STUCK
    assert first == cuff.FAULT_GATEWAY_LOST


def test_the_host_clears_after_a_press() -> None:
    bench = latched()
    bench.press()
    assert bench.clear() == cuff.OK
    assert bench.faults() == (0, 0)
    assert not bench.board.buzzer
    assert bench.board.is_vented()
    assert bench.lease() == cuff.OK


def test_the_host_alone_does_not_clear() -> None:
    bench = latched()
    assert bench.clear() == cuff.NO_PRESENCE
    assert_tripped(bench, cuff.FAULT_GATEWAY_LOST)


def test_a_press_counts_for_a_minute_and_a_little() -> None:
    for waited_ms, result in ((70000, cuff.OK), (70010, cuff.NO_PRESENCE)):
        bench = latched()
        bench.board.pressed = True
        bench.run(30)
        bench.board.pressed = False
        for _ in range(waited_ms // 10):
            bench.step(10)
        assert bench.clear() == result


def test_a_press_from_before_the_fault_does_not_clear_it() -> None:
    bench = energised()
    bench.press()  # a stop
    bench.board.both(3201)
    bench.step(10)
    bench.board.both(0)
    assert bench.clear() == cuff.NO_PRESENCE
    assert bench.faults()[1] == cuff.FAULT_OVER_PRESSURE
    bench.press()
    assert bench.clear() == cuff.OK


def test_a_press_from_before_a_further_fault_does_not_clear_either() -> None:
    bench = latched()
    bench.press()
    bench.board.both(3201)
    bench.step(10)
    bench.board.both(0)
    assert bench.clear() == cuff.NO_PRESENCE
    bench.press()
    assert bench.clear() == cuff.OK


def test_a_fault_that_goes_on_takes_no_later_press_away() -> None:
    bench = Bench()
    bench.board.both(3201)
    bench.step(10)
    bench.press()
    bench.run(500)
    assert bench.clear() == cuff.OK


def test_a_press_alone_clears_nothing() -> None:
    bench = latched()
    bench.press()
    assert bench.faults() == (cuff.FAULT_GATEWAY_LOST, cuff.FAULT_GATEWAY_LOST)
    assert bench.board.buzzer
    assert bench.lease() == cuff.FAULTED


def test_a_stranger_does_not_clear() -> None:
    bench = latched()
    bench.press()
    assert bench.clear(nonce=1) == cuff.WRONG_NONCE
    assert bench.faults() == (cuff.FAULT_GATEWAY_LOST, cuff.FAULT_GATEWAY_LOST)


def test_what_still_holds_latches_again() -> None:
    bench = Bench()
    bench.board.both(3201)
    bench.step(10)
    bench.press()
    assert bench.clear() == cuff.OK
    bench.step(10)
    assert_tripped(bench, cuff.FAULT_OVER_PRESSURE)
    assert bench.clear() == cuff.NO_PRESENCE


def test_a_cuff_that_stays_tight_latches_again() -> None:
    bench = energised()
    bench.vent()
    bench.board.both(300)
    bench.run(10010)
    bench.press()
    assert bench.clear() == cuff.OK
    bench.step(10)
    assert_tripped(bench, cuff.FAULT_NOT_DEFLATED)
