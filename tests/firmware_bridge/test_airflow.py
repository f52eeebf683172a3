"""Pump and valves against the pressure: kinks, stuck valves, a stuck pump. Runs on MicroPython too."""

from firmware_bridge import cuff
from firmware_bridge.mcu import limits
from tests.firmware_bridge.bench import Bench, ToyCuff, assert_tripped, energised

# The slowest cuffs that occur: 170 to 15 mmHg in 5 s, and 300 to 15 mmHg in the 8 s that are accepted.
SLOW_TAUS_MS = (2060, 2670)


def full(pressure_dmmhg: int = 1700) -> Bench:
    """An inflation that holds this pressure."""
    bench = energised()
    bench.board.both(pressure_dmmhg)
    bench.run(200, renew=pressure_dmmhg)
    return bench


# --- a pump that moves nothing -----------------------------------------------------------------------


def test_a_pump_at_work_that_raises_nothing() -> None:
    bench = energised()
    bench.run(4900, renew=1700)
    assert bench.board.pump_permille == 1000
    assert bench.core.interlock.faults == 0
    bench.run(200)
    assert_tripped(bench, cuff.FAULT_NO_RISE)


def test_a_rise_of_five_mmhg_in_five_seconds_is_enough_on_either_sensor() -> None:
    for sensor in ("control", "limit"):
        bench = energised()
        for pressure in (0, 50, 100, 150):
            setattr(bench.board, sensor, pressure)
            bench.run(4900, renew=1700)
        assert bench.core.interlock.faults == 0
        bench.run(200)
        assert bench.core.interlock.faults == cuff.FAULT_NO_RISE


def test_a_rise_of_less_is_none() -> None:
    bench = energised()
    for pressure in range(50):
        bench.board.both(pressure)
        bench.run(100, renew=1700)
    bench.run(100)
    assert bench.core.interlock.faults == cuff.FAULT_NO_RISE


def test_above_fifteen_mmhg_it_is_no_longer_asked() -> None:
    bench = energised()
    bench.board.both(151)
    bench.run(20000, renew=1700)
    assert bench.core.interlock.faults == 0


def test_a_pump_that_only_trickles_is_not_asked() -> None:
    bench = Bench()
    assert bench.lease(20) == cuff.OK
    bench.step(10)
    assert 0 < bench.board.pump_permille < 500
    bench.run(10000, renew=20)
    assert bench.core.interlock.faults == 0


def test_a_vent_begins_the_five_seconds_anew() -> None:
    bench = energised()
    for _ in range(4):
        bench.run(4000, renew=1700)
        bench.vent()
        bench.run(100)
    assert bench.core.interlock.faults == 0


# --- a vent that takes nothing away ------------------------------------------------------------------


def test_a_stuck_dump_valve_is_told_after_a_second() -> None:
    bench = full()
    bench.vent()
    bench.run(1000)
    assert bench.core.interlock.faults == 0
    bench.step(10)
    assert_tripped(bench, cuff.FAULT_NOT_DEFLATED)


def test_ten_mmhg_less_are_enough_and_nine_are_not() -> None:
    for left, faults in ((1600, 0), (1601, cuff.FAULT_NOT_DEFLATED)):
        bench = full()
        bench.vent()
        bench.step(10)
        bench.board.both(left)
        bench.run(1010)
        assert bench.core.interlock.faults == faults


def test_a_valve_that_sticks_on_the_way_is_told_a_second_later() -> None:
    for stuck_dmmhg, faults in ((500, 0), (501, cuff.FAULT_NOT_DEFLATED), (1200, cuff.FAULT_NOT_DEFLATED)):
        bench = full()
        bench.vent()
        bench.step(10)
        bench.board.both(stuck_dmmhg)
        bench.run(1000)
        assert bench.core.interlock.faults == 0
        bench.run(1000)
        assert bench.core.interlock.faults == faults


def test_one_sensor_that_stays_up_is_enough() -> None:
    bench = full()
    bench.vent()
    bench.step(10)
    bench.board.control = 0
    bench.run(1010)
    assert bench.core.interlock.faults == cuff.FAULT_NOT_DEFLATED


def test_up_to_fifty_mmhg_it_is_not_asked() -> None:
    for pressure, faults in ((500, 0), (501, cuff.FAULT_NOT_DEFLATED)):
        bench = full(pressure)
        bench.vent()
        bench.run(1010)
        assert bench.core.interlock.faults == faults


def test_an_unknown_pressure_is_waited_for() -> None:
    bench = full()
    bench.board.both(None)
    bench.vent()
    bench.run(3000)
    bench.board.both(1700)
    bench.run(1000)
    assert bench.core.interlock.faults == 0
    bench.step(10)
    assert bench.core.interlock.faults == cuff.FAULT_NOT_DEFLATED


def test_a_new_inflation_within_the_second_is_no_failed_vent() -> None:
    bench = full()
    bench.vent()
    bench.run(900)
    bench.run(2000, renew=1700)
    assert bench.core.interlock.faults == 0


def test_a_reset_on_a_cuff_that_stays_full_is_told_after_a_second() -> None:
    bench = Bench()
    bench.board.both(1700)
    bench.run(1010)
    assert_tripped(bench, cuff.FAULT_NOT_DEFLATED)


def test_slow_cuffs_pass_with_a_wide_margin() -> None:
    """At the least pressure that is asked about, where a cuff loses least, half as much again is lost."""
    for tau_ms in SLOW_TAUS_MS:
        for pressure_mmhg in (50.2, 60.0, 170.0, 300.0):
            bench = Bench(ToyCuff(rise_mmhg_s=14, dump_tau_ms=tau_ms, late_steps=4))
            bench.toy.pressure_mmhg = pressure_mmhg
            bench.run(100, renew=int(pressure_mmhg * 10))
            bench.vent()
            before = bench.toy.pressure_mmhg
            bench.run(1000)
            assert before - bench.toy.pressure_mmhg > 1.5 * limits.VENT_FALL_DMMHG / 10
            bench.run(9000)
            assert bench.core.interlock.faults == 0


# --- a pump that runs on -----------------------------------------------------------------------------


def test_a_pressure_that_rises_after_the_vent() -> None:
    bench = full(1000)
    bench.vent()
    bench.step(10)
    bench.board.both(1200)
    bench.step(10)
    assert bench.core.interlock.faults == 0
    bench.board.limit = 1201
    bench.step(10)
    assert_tripped(bench, cuff.FAULT_PUMP_STUCK)


def test_it_is_told_after_the_stuck_valve_was() -> None:
    bench = full()
    bench.vent()
    bench.run(1010)
    bench.board.both(1901)
    bench.step(10)
    assert bench.faults() == (cuff.FAULT_NOT_DEFLATED | cuff.FAULT_PUMP_STUCK, cuff.FAULT_NOT_DEFLATED)


def test_it_is_told_as_long_as_the_cuff_was_not_seen_empty() -> None:
    bench = full()
    bench.vent()
    bench.step(10)
    bench.board.both(300)
    bench.run(30000)
    bench.board.both(1901)
    bench.step(10)
    assert bench.core.interlock.faults == cuff.FAULT_NOT_DEFLATED | cuff.FAULT_PUMP_STUCK


def test_a_limb_that_leans_on_an_empty_cuff_is_no_pump() -> None:
    bench = full()
    bench.vent()
    bench.step(10)
    bench.board.both(0)
    bench.run(10000)
    bench.board.both(400)
    bench.run(10000)
    assert bench.core.interlock.faults == 0


# --- moving ------------------------------------------------------------------------------------------


def moves(bench: Bench) -> bool:
    bench.run(60)
    return bool(bench.status.actuators & cuff.MOVING)


def test_moving_is_pump_or_valve_and_no_vent() -> None:
    bench = energised()
    assert moves(bench)
    bench.board.both(1700)
    bench.run(500, renew=1700)
    assert not moves(bench)
    assert bench.lease(600) == cuff.OK
    assert moves(bench)
    assert not bench.board.dump_closed
    bench.vent()
    assert not moves(bench)
