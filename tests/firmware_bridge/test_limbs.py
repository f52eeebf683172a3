"""Four limbs, one cuff: who is charged, who is paid back, who may be next. Runs on MicroPython too."""

from firmware_bridge import cuff
from tests.firmware_bridge.bench import NONCE, Bench, energised

LEFT_THIGH, RIGHT_THIGH, LEFT_ARM, RIGHT_ARM = range(4)
PRESSED_DMMHG = 1700


def pressed_on(limb: int, for_ms: int = 1000) -> Bench:
    """An inflation of this limb under way, for so long above 15 mmHg; nobody owed anything before."""
    bench = Bench()
    bench.run(50)
    assert bench.lease(limb=limb) == cuff.OK
    bench.board.both(PRESSED_DMMHG)
    keep(bench, limb, for_ms)
    return bench


def keep(bench: Bench, limb: int, duration_ms: int) -> None:
    """Renew while time passes."""
    for _ in range(duration_ms // 100):
        assert bench.lease(limb=limb) == cuff.OK
        bench.run(100)


def empty(bench: Bench) -> None:
    """Vent, and let the cuff be empty at once."""
    bench.vent()
    bench.board.both(0)


# --- debt --------------------------------------------------------------------------------------------


def test_a_reset_leaves_every_limb_with_a_whole_occlusion() -> None:
    bench = Bench(debt_ms=None)
    bench.step(10)
    assert bench.core.debt.debts_ms == [300010] * 4
    assert bench.status.limb == cuff.NO_LIMB


def test_before_any_lease_pressure_is_charged_to_all() -> None:
    bench = Bench(debt_ms=1000)
    bench.run(20)
    bench.board.both(PRESSED_DMMHG)
    bench.run(500)
    assert bench.core.debt.debts_ms == [1500 + 10 - 10] * 4


def test_pressure_is_charged_to_the_limb_of_the_newest_lease_only() -> None:
    for limb in range(4):
        debts = pressed_on(limb, 1000).core.debt.debts_ms
        assert debts[limb] == 1000
        assert sum(debts) == 1000


def test_the_limb_stays_charged_when_the_lease_is_over() -> None:
    bench = pressed_on(RIGHT_ARM)
    bench.vent()
    bench.run(2000)
    assert bench.core.debt.debts_ms == [0, 0, 0, 3000]


def test_a_refused_lease_names_no_limb() -> None:
    bench = pressed_on(RIGHT_ARM)
    empty(bench)
    bench.run(100)
    assert bench.lease(limb=LEFT_ARM) == cuff.LIMB_TOO_SOON
    bench.board.both(PRESSED_DMMHG)
    bench.run(500)
    assert bench.status.limb == RIGHT_ARM
    assert bench.core.debt.debts_ms[LEFT_ARM] == 0


def test_unpressed_time_pays_every_limb_back_and_pressed_time_none() -> None:
    bench = pressed_on(LEFT_THIGH)
    bench.core.debt.debts_ms = [5000, 4000, 3000, 200]
    keep(bench, LEFT_THIGH, 1000)
    assert bench.core.debt.debts_ms == [6000, 4000, 3000, 200]
    empty(bench)
    bench.step(10)
    bench.run(1000)
    assert bench.core.debt.debts_ms == [5010, 3000, 2000, 0]


def test_an_inflation_is_judged_by_its_own_limb() -> None:
    for limb in range(4):
        bench = Bench(debt_ms=0)
        bench.run(20)
        bench.core.debt.debts_ms = [300000] * 4
        bench.core.debt.debts_ms[limb] = 294000
        assert bench.lease(limb=(limb + 1) % 4) == cuff.DEBT
        assert bench.lease(limb=limb) == cuff.OK


def test_the_debt_that_vents_is_that_of_the_charged_limb() -> None:
    bench = pressed_on(LEFT_ARM)
    bench.core.debt.debts_ms = [331000, 331000, 329980, 331000]
    bench.step(10)
    bench.step(10)
    assert bench.board.dump_closed
    bench.step(10)
    assert bench.faults()[0] == cuff.FAULT_OCCLUSION_TIME


def test_before_any_lease_the_largest_debt_vents() -> None:
    bench = Bench()
    bench.core.debt.debts_ms = [0, 0, 0, 330010]
    bench.board.both(PRESSED_DMMHG)
    bench.step(10)
    assert bench.core.interlock.faults == cuff.FAULT_OCCLUSION_TIME


def test_a_status_tells_all_four_and_the_limb() -> None:
    bench = energised()
    bench.core.debt.debts_ms = [5000, 1 << 33, 7000, 8000]
    first, second, third, fourth = bench.debts_ms()
    assert second == 0xFFFFFFFF
    assert 0 < 5000 - first == 7000 - third == 8000 - fourth <= 60
    assert bench.status.limb == LEFT_THIGH


# --- another limb ------------------------------------------------------------------------------------


def test_another_limb_while_energised_vents_and_is_refused() -> None:
    for other in (RIGHT_THIGH, LEFT_ARM, RIGHT_ARM):
        bench = pressed_on(LEFT_THIGH)
        assert bench.lease(limb=other) == cuff.WRONG_LIMB
        assert bench.board.is_vented()
        assert bench.core.interlock.faults == 0
        bench.run(1000)
        assert bench.status.limb == LEFT_THIGH
        assert bench.board.is_vented()


def test_another_limb_vents_whatever_else_is_wrong_with_the_lease() -> None:
    for target, duration in ((3001, 500), (1700, 0), (1700, 1001)):
        bench = pressed_on(LEFT_THIGH)
        assert bench.lease(target, duration, limb=RIGHT_ARM) == cuff.WRONG_LIMB
        assert bench.board.is_vented()


def test_a_strangers_or_an_old_lease_for_another_limb_vents_nothing() -> None:
    bench = pressed_on(LEFT_THIGH)
    assert bench.lease(limb=RIGHT_THIGH, nonce=1) == cuff.WRONG_NONCE
    assert bench.lease(limb=RIGHT_THIGH, seq=1) == cuff.OLD_SEQUENCE
    assert bench.board.dump_closed


def test_another_limb_waits_for_an_empty_cuff() -> None:
    bench = pressed_on(LEFT_THIGH)
    bench.vent()
    for control, limit in ((151, 0), (0, 151)):
        bench.board.control, bench.board.limit = control, limit
        bench.run(100)
        assert bench.lease(limb=RIGHT_ARM) == cuff.NOT_VENTED
    bench.board.both(150)
    bench.run(100)
    assert bench.lease(limb=RIGHT_ARM) == cuff.LIMB_TOO_SOON


def test_the_same_limb_need_not_wait_for_an_empty_cuff() -> None:
    bench = pressed_on(LEFT_THIGH)
    bench.vent()
    bench.run(100)
    assert bench.lease(limb=LEFT_THIGH) == cuff.OK


def test_a_minute_between_the_deflations_of_two_limbs() -> None:
    bench = pressed_on(LEFT_THIGH)
    bench.vent()
    bench.board.both(151)
    bench.run(2000)  # the deflation ends here, not with the vent
    bench.board.both(0)
    for _ in range(5999):
        bench.step(10)
    assert bench.lease(limb=RIGHT_THIGH) == cuff.LIMB_TOO_SOON
    assert bench.lease(limb=LEFT_THIGH, planned_ms=300001) == cuff.DEBT
    bench.step(10)
    assert bench.lease(limb=RIGHT_THIGH) == cuff.OK
    bench.run(50)
    assert bench.status.limb == RIGHT_THIGH


def test_a_missing_sensor_proves_no_deflation() -> None:
    bench = pressed_on(LEFT_THIGH)
    empty(bench)
    bench.run(60000)
    bench.board.limit = None
    bench.step(10)
    bench.board.limit = 0
    bench.step(10)
    assert bench.lease(limb=RIGHT_THIGH) == cuff.LIMB_TOO_SOON


def test_after_a_reset_no_limb_is_another() -> None:
    bench = Bench()
    bench.board.both(300)
    bench.run(100)
    assert bench.lease(limb=RIGHT_ARM) == cuff.OK


# --- off every limb ----------------------------------------------------------------------------------


def test_off_every_limb_pressure_is_charged_to_all() -> None:
    bench = pressed_on(cuff.NO_LIMB, 1000)
    assert bench.core.debt.debts_ms == [1000] * 4
    assert bench.status.limb == cuff.NO_LIMB


def test_off_every_limb_the_largest_debt_must_leave_room() -> None:
    for limb in range(4):
        bench = Bench()
        bench.run(50)
        bench.core.debt.debts_ms[limb] = 294000
        assert bench.lease(limb=cuff.NO_LIMB) == cuff.OK
        bench.vent()
        bench.core.debt.debts_ms[limb] = 294001
        assert bench.lease(limb=cuff.NO_LIMB) == cuff.DEBT


def test_off_every_limb_the_largest_debt_vents() -> None:
    bench = pressed_on(cuff.NO_LIMB)
    bench.core.debt.debts_ms = [0, 0, 330001, 0]
    bench.step(10)
    assert bench.faults()[0] == cuff.FAULT_OCCLUSION_TIME
    assert bench.board.is_vented()


def test_no_limb_and_a_limb_are_not_the_same_place() -> None:
    for first, second in ((cuff.NO_LIMB, LEFT_THIGH), (RIGHT_ARM, cuff.NO_LIMB)):
        bench = pressed_on(first)
        assert bench.lease(limb=second) == cuff.WRONG_LIMB
        assert bench.board.is_vented()
        bench.run(100)
        assert bench.lease(limb=second) == cuff.NOT_VENTED
        bench.board.both(0)
        bench.run(100)
        assert bench.lease(limb=second) == cuff.LIMB_TOO_SOON


def test_off_every_limb_the_built_in_ceiling_holds_and_not_what_a_host_tightened() -> None:
    bench = Bench()
    bench.run(50)
    bench.ask(cuff.encode_tighten_request(2500, NONCE))
    assert bench.lease(3000, limb=LEFT_THIGH) == cuff.TARGET_ABOVE_CEILING
    assert bench.lease(3001, limb=cuff.NO_LIMB) == cuff.TARGET_ABOVE_CEILING
    assert bench.lease(3000, limb=cuff.NO_LIMB) == cuff.OK


def test_a_limb_that_does_not_exist_is_no_lease() -> None:
    for limb in (4, 5, 254):
        bench = Bench()
        bench.run(50)
        frame = cuff.encode_lease_request(1, limb, 1700, 500, 6000, NONCE)
        assert cuff.decode_lease_reply(bench.ask(frame)) is None
        assert bench.board.is_vented()
