"""What energises and what ends it: default, vent, lease, ceiling, debt. Runs on MicroPython too."""

from firmware_bridge import cuff
from tests.firmware_bridge.bench import NONCE, Bench, assert_tripped, energised

# --- default and vent ----------------------------------------------------------------------------------


def test_boots_vented_and_silent() -> None:
    bench = Bench()
    assert bench.board.is_vented()
    assert not bench.board.buzzer
    bench.run(1000)
    assert bench.board.is_vented()
    assert (bench.status.state, bench.status.actuators, bench.status.target_dmmhg) == (cuff.VENTED, 0, None)
    assert bench.status.limb == cuff.NO_LIMB


def test_a_lease_energises_at_the_next_step() -> None:
    bench = energised()
    assert (bench.board.inflate_open, bench.board.pump_permille) == (True, 1000)
    assert bench.board.indicator == cuff.INFLATING
    bench.run(50)
    assert bench.status.actuators == cuff.DUMP_CLOSED | cuff.INFLATE_OPEN | cuff.PUMP_ON | cuff.MOVING
    assert (bench.status.target_dmmhg, bench.status.lease_seq, bench.status.limb) == (1700, 1, 0)


def test_vent_opens_the_dump_valve_before_the_next_step() -> None:
    bench = energised()
    bench.vent()
    assert bench.board.is_vented()
    assert bench.board.indicator == cuff.VENTED
    assert bench.faults() == (0, 0)
    assert not bench.board.buzzer


def test_vent_when_vented_changes_nothing() -> None:
    bench = Bench()
    bench.vent()
    assert bench.faults() == (0, 0)


def test_vent_is_heeded_while_a_fault_is_latched() -> None:
    bench = energised()
    bench.step(201)
    bench.vent()
    assert bench.board.is_vented()


# --- lease -------------------------------------------------------------------------------------------


def test_dead_man_vents_latches_and_sounds() -> None:
    bench = energised()
    bench.run(480)
    assert bench.board.dump_closed
    bench.run(10)
    assert_tripped(bench, cuff.FAULT_GATEWAY_LOST)


def test_the_longest_lease_ends_within_a_second_and_a_tenth() -> None:
    bench = Bench()
    assert bench.lease(duration_ms=1000) == cuff.OK
    granted_ms = bench.now_ms
    while bench.now_ms == granted_ms or bench.board.dump_closed:
        bench.step(10)
        assert bench.now_ms - granted_ms < 5000, "it never opened"
    assert bench.now_ms - granted_ms == 1000


def test_renewal_keeps_it_energised() -> None:
    bench = energised()
    bench.board.both(1700)
    bench.run(5000, renew=1700)
    assert bench.board.dump_closed
    assert bench.faults()[0] == 0


def test_a_lease_that_waited_in_a_buffer_cannot_renew_an_expired_one() -> None:
    bench = Bench()
    bench.lease(duration_ms=100)
    for _ in range(9):
        bench.step(10)
    bench.now_ms += 10
    assert bench.lease() == cuff.FAULTED
    assert_tripped(bench, cuff.FAULT_GATEWAY_LOST)


def test_a_stranger_after_a_reset_is_refused() -> None:
    bench = Bench()
    assert bench.lease(nonce=NONCE ^ 1) == cuff.WRONG_NONCE
    assert bench.lease(nonce=0) == cuff.WRONG_NONCE
    bench.step(10)
    assert bench.board.is_vented()


def test_a_stranger_cannot_renew() -> None:
    bench = energised()
    bench.run(400)
    assert bench.lease(nonce=NONCE ^ 1) == cuff.WRONG_NONCE
    bench.run(100)
    assert_tripped(bench, cuff.FAULT_GATEWAY_LOST)


def test_an_old_sequence_number_renews_nothing() -> None:
    bench = energised()
    bench.run(400)
    assert bench.lease(seq=1) == cuff.OLD_SEQUENCE
    assert bench.lease(seq=0) == cuff.OLD_SEQUENCE
    assert bench.lease(seq=1 + 0x8000) == cuff.OLD_SEQUENCE
    bench.run(100)
    assert_tripped(bench, cuff.FAULT_GATEWAY_LOST)


def test_sequence_numbers_wrap() -> None:
    bench = Bench()
    assert bench.lease(seq=65535) == cuff.OK
    assert bench.lease(seq=0) == cuff.OK
    assert bench.lease(seq=65535) == cuff.OLD_SEQUENCE


def test_a_refused_lease_uses_its_number_up() -> None:
    bench = Bench(debt_ms=299000)
    assert bench.lease(seq=7) == cuff.DEBT
    bench.run(10000)
    assert bench.lease(seq=7) == cuff.OLD_SEQUENCE
    assert bench.lease(seq=8) == cuff.OK


def test_a_strangers_lease_does_not_use_a_number_up() -> None:
    bench = Bench()
    assert bench.lease(seq=7, nonce=1) == cuff.WRONG_NONCE
    assert bench.lease(seq=7) == cuff.OK


def test_durations() -> None:
    bench = Bench()
    assert bench.lease(duration_ms=0) == cuff.BAD_DURATION
    assert bench.lease(duration_ms=1001) == cuff.BAD_DURATION
    assert bench.lease(duration_ms=1000) == cuff.OK


def test_targets() -> None:
    bench = Bench()
    assert bench.lease(target_dmmhg=3001) == cuff.TARGET_ABOVE_CEILING
    assert bench.lease(target_dmmhg=-1) == cuff.TARGET_ABOVE_CEILING
    bench.step(10)
    assert bench.board.is_vented()
    assert bench.lease(target_dmmhg=3000) == cuff.OK


def test_a_target_of_zero_is_regulated_to_not_vented() -> None:
    bench = Bench()
    assert bench.lease(target_dmmhg=0) == cuff.OK
    bench.step(10)
    assert bench.board.dump_closed
    assert bench.board.pump_permille == 0


# --- tighten -----------------------------------------------------------------------------------------


def tighten(bench: Bench, ceiling_dmmhg: int, nonce: int = NONCE) -> tuple[int, int]:
    reply = cuff.decode_tighten_reply(bench.ask(cuff.encode_tighten_request(ceiling_dmmhg, nonce)))
    assert reply is not None
    return reply.result, reply.ceiling_dmmhg


def test_the_ceiling_only_goes_down() -> None:
    bench = Bench()
    assert tighten(bench, 2000) == (cuff.OK, 2000)
    assert tighten(bench, 2500) == (cuff.OK, 2000)
    assert bench.lease(target_dmmhg=2001) == cuff.TARGET_ABOVE_CEILING
    assert bench.lease(target_dmmhg=2000) == cuff.OK


def test_a_stranger_cannot_tighten() -> None:
    assert tighten(Bench(), 2000, nonce=1) == (cuff.WRONG_NONCE, 3000)


def test_tightening_below_the_running_target_vents() -> None:
    bench = energised()
    assert tighten(bench, 1700) == (cuff.OK, 1700)
    assert bench.board.dump_closed
    assert tighten(bench, 1699) == (cuff.OK, 1699)
    assert bench.board.is_vented()


# --- debt --------------------------------------------------------------------------------------------


def test_after_a_reset_the_debt_is_that_of_a_whole_occlusion() -> None:
    bench = Bench(debt_ms=None)
    assert min(bench.debts_ms()) >= 300000 - 60
    assert bench.lease(planned_ms=6000) == cuff.DEBT


def test_an_inflation_starts_when_debt_and_plan_fit() -> None:
    bench = Bench()
    bench.step(10)
    bench.owe(294011)
    bench.step(10)
    assert bench.lease(planned_ms=6000) == cuff.DEBT
    bench.step(10)
    assert bench.lease(planned_ms=6000) == cuff.OK


def test_debt_does_not_refuse_a_renewal() -> None:
    bench = energised(debt_ms=294000)
    bench.board.both(1700)
    bench.run(10000, renew=1700)
    assert bench.board.dump_closed


def test_a_plan_of_no_time_cannot_slip_under_the_rule() -> None:
    bench = Bench(debt_ms=300000)
    assert bench.lease(planned_ms=0) == cuff.BAD_DURATION


def test_the_longest_plan() -> None:
    assert Bench().lease(planned_ms=300000) == cuff.OK
    assert Bench().lease(planned_ms=300001) == cuff.DEBT
    assert Bench().lease(planned_ms=4294967295) == cuff.DEBT


# --- planned time ------------------------------------------------------------------------------------


def test_an_inflation_that_outlasts_its_plan_by_twenty_seconds_vents_and_latches() -> None:
    bench = energised(planned_ms=6000)
    bench.board.both(1700)
    bench.run(25900, renew=1700)
    while bench.now_ms < 50 + 25990:
        bench.step(10)
    assert bench.board.dump_closed
    bench.step(10)
    assert_tripped(bench, cuff.FAULT_OCCLUSION_TIME)


def test_a_host_that_always_says_a_millisecond_gets_twenty_seconds() -> None:
    bench = energised(debt_ms=299000, planned_ms=1)
    bench.board.both(1700)
    bench.run(19990, renew=1700)
    assert bench.board.dump_closed
    bench.step(10)
    bench.step(10)
    assert_tripped(bench, cuff.FAULT_OCCLUSION_TIME)


def test_what_outlasted_its_plan_is_noticed_before_a_lease_is_looked_at() -> None:
    bench = energised(planned_ms=6000)
    bench.board.both(1700)
    bench.run(25900, renew=1700)
    bench.now_ms = 50 + 26000
    assert bench.lease() == cuff.FAULTED
    assert bench.board.is_vented()
    assert bench.core.interlock.first_fault == cuff.FAULT_OCCLUSION_TIME


def test_a_renewal_that_names_another_planned_time_renews_nothing() -> None:
    for planned_ms in (5999, 6001, 0, 1, 300000):
        bench = energised(planned_ms=6000)
        bench.run(400)
        assert bench.lease(planned_ms=planned_ms) == cuff.BAD_DURATION
        assert bench.board.dump_closed
        bench.run(100)
        assert_tripped(bench, cuff.FAULT_GATEWAY_LOST)


def test_another_target_may_be_asked_for_within_the_planned_time() -> None:
    bench = energised(planned_ms=6000)
    assert bench.lease(1900, planned_ms=6000) == cuff.OK


def test_the_time_counts_from_the_first_lease_of_an_inflation_and_the_next_has_its_own() -> None:
    bench = energised(planned_ms=6000)
    for _ in range(3):
        keep(bench, 20000)
        bench.vent()
        bench.run(100)
        assert bench.lease(planned_ms=9000) == cuff.OK
    assert bench.core.interlock.faults == 0


def test_a_relay_alone_has_no_planned_time() -> None:
    bench = Bench()
    for _ in range(300):
        assert bench.relay() == cuff.OK
        bench.run(100)
    assert bench.core.interlock.faults == 0


def test_a_vented_cuff_has_no_planned_time_any_more() -> None:
    bench = energised(planned_ms=6000)
    bench.vent()
    for _ in range(300):
        assert bench.relay() == cuff.OK
        bench.run(100)
    assert bench.core.interlock.faults == 0


def keep(bench: Bench, duration_ms: int) -> None:
    """Renew at a steady pressure."""
    bench.board.both(1700)
    bench.run(duration_ms, renew=1700)
    bench.board.both(0)


# --- what is owed ------------------------------------------------------------------------------------


def debt_after(bench: Bench, duration_ms: int) -> int:
    bench.run(50)
    before = bench.status.left_thigh_debt_ms
    bench.run(duration_ms)
    return bench.status.left_thigh_debt_ms - before


def test_debt_grows_with_either_sensor_pressed_and_with_a_missing_one() -> None:
    for control, limit in ((151, 0), (0, 151), (None, 0), (0, None)):
        bench = Bench(debt_ms=1000)
        bench.board.control, bench.board.limit = control, limit
        assert debt_after(bench, 1000) == 1000


def test_debt_shrinks_at_and_below_the_threshold_down_to_nothing() -> None:
    bench = Bench(debt_ms=1500)
    bench.board.both(150)
    assert debt_after(bench, 1000) == -1000
    bench.run(1000)
    assert bench.debts_ms() == [0, 0, 0, 0]


def test_exceeded_debt_vents_and_latches() -> None:
    bench = energised(debt_ms=280000, planned_ms=20000)
    bench.board.both(1700)
    bench.run(39000, renew=1700)
    assert bench.board.dump_closed
    bench.owe(329990)
    bench.step(10)
    assert bench.board.dump_closed
    bench.step(10)
    assert_tripped(bench, cuff.FAULT_OCCLUSION_TIME)


def test_a_full_occlusion_needs_a_full_reperfusion() -> None:
    bench = Bench()
    assert bench.lease(planned_ms=30000, target_dmmhg=1700) == cuff.OK
    bench.owe(270000)
    bench.board.both(1700)
    bench.run(30000, renew=1700)
    bench.vent()
    bench.board.both(0)
    bench.run(29000)
    assert bench.lease(planned_ms=30000) == cuff.DEBT
    bench.run(1100)
    assert bench.lease(planned_ms=30000) == cuff.OK
