"""The control law around a toy cuff, with late sensors and leaks. Runs on MicroPython too."""

from firmware_bridge import cuff
from tests.firmware_bridge.bench import Bench, ToyCuff

MINUTES_MS = 180000


def small_cuff(late_steps: int = 2) -> ToyCuff:
    """Fills to 170 mmHg in a second and empties as fast."""
    return ToyCuff(rise_mmhg_s=170, dump_tau_ms=400, leak_mmhg_s=0.3, late_steps=late_steps)


def thigh_cuff(late_steps: int = 2) -> ToyCuff:
    """Needs twelve seconds to 170 mmHg."""
    return ToyCuff(rise_mmhg_s=14, dump_tau_ms=2500, leak_mmhg_s=0.3, late_steps=late_steps)


def reach(bench: Bench, target_dmmhg: int, within_ms: int) -> int:
    """Renew until the pressure is 4 mmHg from the target; return the time that took."""
    started_ms = bench.now_ms
    while abs(bench.toy.pressure_mmhg * 10 - target_dmmhg) > 40:
        assert bench.now_ms - started_ms < within_ms, bench.toy.pressure_mmhg
        bench.run(100, renew=target_dmmhg)
    return bench.now_ms - started_ms


def extremes(bench: Bench, target_dmmhg: int, duration_ms: int) -> tuple[float, float]:
    """Lowest and highest deviation in mmHg while the target is renewed."""
    lowest, highest = 1e9, -1e9
    for step in range(duration_ms // 10):
        if step % 10 == 0:
            assert bench.lease(target_dmmhg) == cuff.OK
        bench.step(10)
        deviation = bench.toy.pressure_mmhg - target_dmmhg / 10
        lowest, highest = min(lowest, deviation), max(highest, deviation)
    return lowest, highest


def check_inflation(toy: ToyCuff, within_ms: int) -> None:
    bench = Bench(toy)
    bench.planned_ms = MINUTES_MS
    peak = extremes(bench, 1700, 100)[1]
    reach(bench, 1700, within_ms)
    lowest, highest = extremes(bench, 1700, 20000)
    assert max(peak, highest) < 4
    assert lowest > -4
    assert bench.status.state == cuff.HOLDING


def test_the_small_cuff_gets_there_and_stays() -> None:
    check_inflation(small_cuff(), 1500)


def test_the_thigh_cuff_gets_there_and_stays() -> None:
    check_inflation(thigh_cuff(), 14000)


def test_sensors_four_steps_late_neither_overshoot_nor_undershoot() -> None:
    """8 mmHg are allowed; the prediction makes it less than 2, which shows that it works."""
    for toy in (small_cuff(4), thigh_cuff(4)):
        bench = Bench(toy)
        bench.planned_ms = MINUTES_MS
        assert extremes(bench, 1700, 30000)[1] < 2
        assert extremes(bench, 1700, 10000)[0] > -2
        assert extremes(bench, 600, 20000)[0] > -2
        assert extremes(bench, 600, 10000)[1] < 4


def test_an_excess_within_the_band_is_released_too() -> None:
    for toy in (small_cuff(4), thigh_cuff(4)):
        bench = Bench(toy)
        reach(bench, 1700, 14000)
        bench.run(3000, renew=1700)
        toy.pressure_mmhg = 173.9
        assert extremes(bench, 1700, 2000)[0] > -4
        assert extremes(bench, 1700, 1000)[1] <= 3.1


def test_a_lost_reading_does_not_close_an_open_dump_valve() -> None:
    bench = Bench(thigh_cuff())
    bench.toy.pressure_mmhg = 170.0
    bench.run(200, renew=600)
    assert not bench.board.dump_closed
    bench.toy = None
    bench.board.control = None
    bench.run(50)
    assert bench.core.is_energised()
    assert not bench.board.dump_closed


def test_a_lower_target_is_reached_through_the_dump_valve() -> None:
    for toy, within_ms in ((small_cuff(), 1500), (thigh_cuff(), 6000)):
        bench = Bench(toy)
        toy.pressure_mmhg = 170.0
        bench.run(200, renew=1700)
        reach(bench, 600, within_ms)
        lowest, highest = extremes(bench, 600, 10000)
        assert lowest > -6
        assert highest < 4.1
        assert extremes(bench, 600, 10000)[0] > -4


def test_a_higher_target_is_reached_from_a_hold() -> None:
    bench = Bench(small_cuff())
    reach(bench, 1000, 1500)
    reach(bench, 2000, 1500)
    assert extremes(bench, 2000, 5000)[1] < 4


def test_states_are_told_as_they_are() -> None:
    bench = Bench(thigh_cuff())
    bench.run(3000, renew=1700)
    assert (bench.status.state, bench.board.indicator) == (cuff.INFLATING, cuff.INFLATING)
    reach(bench, 1700, 14000)
    bench.run(3000, renew=1700)
    assert (bench.status.state, bench.board.indicator) == (cuff.HOLDING, cuff.HOLDING)
    bench.run(500, renew=600)
    assert (bench.status.state, bench.board.indicator) == (cuff.LOWERING, cuff.LOWERING)
    bench.vent()
    bench.run(50)
    assert (bench.status.state, bench.board.indicator) == (cuff.VENTED, cuff.VENTED)


def test_the_pump_never_blows_against_an_open_dump_valve() -> None:
    bench = Bench(small_cuff())
    for target in (1700, 600, 1200, 0, 2500):
        for step in range(200):
            if step % 10 == 0:
                assert bench.lease(target) == cuff.OK
            bench.step(10)
            board = bench.board
            assert board.dump_closed or not (board.pump_permille or board.inflate_open)
            assert board.inflate_open or not board.pump_permille
            assert 0 <= board.pump_permille <= 1000


def test_a_leak_is_topped_up_without_the_pump_running_all_the_time() -> None:
    bench = Bench(thigh_cuff())
    bench.planned_ms = MINUTES_MS
    reach(bench, 1700, 14000)
    bench.run(3000, renew=1700)
    running = 0
    for step in range(2000):
        if step % 10 == 0:
            assert bench.lease() == cuff.OK
        bench.step(10)
        running += 1 if bench.board.pump_permille else 0
    assert 0 < running < 400
