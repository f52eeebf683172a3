"""Every rule of the cuff's firmware, one by one, in virtual time. Runs on MicroPython too."""

import gc

from firmware_bridge import aio, cuff, ecp
from firmware_bridge.mcu import limits
from firmware_bridge.mcu.controller import Controller
from tests.firmware_bridge.bench import NONCE, Bench, BenchBoard


def energised(debt_ms: int = 0) -> Bench:
    """A bench with an inflation under way."""
    bench = Bench(debt_ms=debt_ms)
    bench.run(50)
    assert bench.lease() == cuff.OK
    bench.step(10)
    assert bench.board.dump_closed
    return bench


def assert_tripped(bench: Bench, fault: int) -> None:
    assert bench.board.is_vented()
    assert bench.board.buzzer
    assert bench.faults() == (fault, fault)
    assert bench.lease() == cuff.FAULTED
    assert bench.board.is_vented()


# --- default and vent ----------------------------------------------------------------------------------


def test_boots_vented_and_silent() -> None:
    bench = Bench()
    assert bench.board.is_vented()
    assert not bench.board.buzzer
    bench.run(1000)
    assert bench.board.is_vented()
    assert (bench.status.state, bench.status.actuators, bench.status.target_dmmhg) == (cuff.VENTED, 0, None)


def test_a_lease_energises_at_the_next_step() -> None:
    bench = energised()
    assert (bench.board.inflate_open, bench.board.pump_permille) == (True, 1000)
    assert bench.board.indicator == cuff.INFLATING
    bench.run(50)
    assert bench.status.actuators == cuff.DUMP_CLOSED | cuff.INFLATE_OPEN | cuff.PUMP_ON
    assert (bench.status.target_dmmhg, bench.status.lease_seq) == (1700, 1)


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
    assert bench.now_ms - granted_ms == 1000


def test_renewal_keeps_it_energised() -> None:
    bench = energised()
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
    bench.run(50)
    assert bench.status.debt_ms >= 300000 - 50
    assert bench.lease(planned_ms=6000) == cuff.DEBT


def test_an_inflation_starts_when_debt_and_plan_fit() -> None:
    bench = Bench()
    bench.step(10)
    bench.core.debt.debt_ms = 294011
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


def debt_after(bench: Bench, duration_ms: int) -> int:
    bench.run(50)
    before = bench.status.debt_ms
    bench.run(duration_ms)
    return bench.status.debt_ms - before


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
    assert bench.status.debt_ms == 0


def test_exceeded_debt_vents_and_latches() -> None:
    bench = energised(debt_ms=290000)
    bench.board.both(1700)
    bench.run(39000, renew=1700)
    assert bench.board.dump_closed
    bench.core.debt.debt_ms = 330000
    bench.step(10)
    assert_tripped(bench, cuff.FAULT_OCCLUSION_TIME)


def test_a_full_occlusion_needs_a_full_reperfusion() -> None:
    bench = Bench()
    assert bench.lease(planned_ms=30000, target_dmmhg=1700) == cuff.OK
    bench.core.debt.debt_ms = 270000
    bench.board.both(1700)
    bench.run(30000, renew=1700)
    bench.vent()
    bench.board.both(0)
    bench.run(29000)
    assert bench.lease(planned_ms=30000) == cuff.DEBT
    bench.run(1100)
    assert bench.lease(planned_ms=30000) == cuff.OK


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
    assert not bench.board.buzzer
    bench.step(10)
    assert_tripped(bench, cuff.FAULT_NOT_DEFLATED)


def test_a_cuff_that_is_empty_in_time_may_be_touched_later() -> None:
    bench = energised()
    bench.vent()
    bench.board.both(1700)
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
    bench.board.both(800)
    bench.run(10000)
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


def latched() -> Bench:
    bench = energised()
    bench.run(500)
    assert bench.board.buzzer
    return bench


def test_the_first_reason_stays_the_first() -> None:
    bench = latched()
    bench.board.both(3201)
    bench.step(10)
    assert bench.faults() == (cuff.FAULT_GATEWAY_LOST | cuff.FAULT_OVER_PRESSURE, cuff.FAULT_GATEWAY_LOST)


def test_the_host_clears() -> None:
    bench = latched()
    assert bench.clear() == cuff.OK
    assert bench.faults() == (0, 0)
    assert not bench.board.buzzer
    assert bench.board.is_vented()
    assert bench.lease() == cuff.OK


def test_a_stranger_does_not_clear() -> None:
    bench = latched()
    assert bench.clear(nonce=1) == cuff.WRONG_NONCE
    assert_tripped(bench, cuff.FAULT_GATEWAY_LOST)


def test_what_still_holds_latches_again() -> None:
    bench = Bench()
    bench.board.both(3201)
    bench.step(10)
    bench.clear()
    bench.step(10)
    assert_tripped(bench, cuff.FAULT_OVER_PRESSURE)


def test_the_button_clears_once_it_has_held() -> None:
    bench = latched()
    bench.board.pressed = True
    bench.run(20)
    bench.board.pressed = False
    bench.run(20)
    assert bench.board.buzzer
    bench.board.pressed = True
    bench.run(60)
    assert bench.status.actuators & cuff.BUTTON
    bench.board.pressed = False
    assert bench.faults() == (0, 0)
    assert not bench.board.buzzer
    assert bench.lease() == cuff.OK


def test_a_stuck_button_clears_only_once() -> None:
    bench = latched()
    bench.board.pressed = True
    bench.run(1000)
    bench.board.both(3201)
    bench.step(10)
    bench.run(1000)
    assert_tripped(bench, cuff.FAULT_OVER_PRESSURE)


# --- self-test ---------------------------------------------------------------------------------------


def self_test(bench: Bench, nonce: int = NONCE):
    return cuff.decode_self_test_reply(bench.ask(cuff.encode_self_test_request(nonce)))


def test_self_test_passes_within_three_mmhg() -> None:
    bench = Bench()
    bench.board.control, bench.board.limit = 30, -30
    assert self_test(bench) == (cuff.OK, 30, -30)
    assert bench.faults() == (0, 0)


def test_self_test_fails_off_zero_and_latches() -> None:
    for control, limit in ((31, 0), (0, -31), (None, 0), (0, None)):
        bench = Bench()
        bench.board.control, bench.board.limit = control, limit
        assert self_test(bench) == (cuff.NOT_ZERO, control, limit)
        bench.step(10)
        assert_tripped(bench, cuff.FAULT_SELF_TEST_FAILED)


def test_self_test_of_a_cuff_in_use_is_no_test() -> None:
    bench = energised()
    assert self_test(bench).result == cuff.NOT_VENTED
    bench.vent()
    bench.board.control = 151
    assert self_test(bench).result == cuff.NOT_VENTED
    assert bench.faults() == (0, 0)


def test_a_stranger_gets_no_self_test() -> None:
    bench = Bench()
    bench.board.control = 31
    assert self_test(bench, nonce=1).result == cuff.WRONG_NONCE
    assert bench.faults() == (0, 0)


# --- buzzer ------------------------------------------------------------------------------------------


def annunciate(bench: Bench, priority: int) -> int:
    """Ask for an alarm; return for how many ms of the next four seconds the buzzer sounds."""
    assert cuff.decode_annunciate_reply(bench.ask(cuff.encode_annunciate_request(priority))) == cuff.OK
    sounding = 0
    for _ in range(400):
        bench.step(10)
        sounding += 10 if bench.board.buzzer else 0
    return sounding


def test_the_host_sounds_and_silences_its_alarms() -> None:
    bench = Bench()
    assert [annunciate(bench, priority) for priority in (1, 2, 3, 0)] == [200, 800, 4000, 0]


def test_the_host_cannot_silence_a_fault() -> None:
    assert annunciate(latched(), cuff.SILENT) == 4000


# --- the wire ----------------------------------------------------------------------------------------


def test_hello() -> None:
    hello = cuff.decode_hello_reply(Bench().ask(cuff.encode_hello_request()))
    assert hello == cuff.Hello(1, 1, 0, 1, 0, cuff.limits_crc(limits.LIMITS), NONCE, b"T-1", b"bench")


def test_bad_requests_are_refused_and_not_acted_on() -> None:
    good = ecp.Decoder().feed(cuff.encode_lease_request(1, 1700, 500, 6000, NONCE))[0].content
    wrong_crc = good[:-1] + bytes((good[-1] ^ 1,))
    for code, content, error in (
        (cuff.LEASE, wrong_crc, ecp.ERROR_CRC),
        (cuff.LEASE, good[:-1], ecp.ERROR_LENGTH),
        (cuff.LEASE, b"", ecp.ERROR_LENGTH),
        (cuff.VENT, b"\x00", ecp.ERROR_LENGTH),
        (cuff.STATUS, b"", ecp.ERROR_UNKNOWN_FUNCTION),
        (0x11, b"\x01\x00\x02\x01\x00", ecp.ERROR_UNKNOWN_FUNCTION),
        (cuff.TIGHTEN, bytes(8), ecp.ERROR_CRC),
        (cuff.SELF_TEST, bytes(6), ecp.ERROR_CRC),
        (cuff.CLEAR_FAULTS, bytes(6), ecp.ERROR_CRC),
        (cuff.ANNUNCIATE, bytes(3), ecp.ERROR_CRC),
    ):
        bench = Bench()
        assert cuff.decode_nack(bench.ask(ecp.encode_frame(code, content))) == error
        bench.step(10)
        assert bench.board.is_vented()
    unknown_priority = Bench().ask(cuff.encode_annunciate_request(4))
    assert cuff.decode_nack(unknown_priority) == ecp.ERROR_VALUE


def test_requests_may_come_in_pieces_and_in_company() -> None:
    bench = Bench()
    lease = cuff.encode_lease_request(1, 1700, 500, 6000, NONCE)
    bench.controller.receive(b"noise" + lease[:9], bench.now_ms)
    bench.step(10)
    bench.controller.receive(lease[9:] + cuff.encode_vent(), bench.now_ms)
    replies = ecp.Decoder().feed(bench.controller.outgoing())
    assert [packet.code for packet in replies] == [cuff.LEASE, cuff.VENT]
    assert bench.board.is_vented()


def test_status_comes_twenty_times_a_second_and_is_counted() -> None:
    bench = Bench()
    bench.run(2000)
    assert [status.counter for status in bench.statuses] == list(range(1, 42))
    assert bench.statuses[0].device_ms == 10
    assert [status.device_ms for status in bench.statuses[1:]] == list(range(50, 2001, 50))


def test_status_is_not_made_up_for_after_a_pause() -> None:
    bench = Bench()
    bench.run(100)
    bench.statuses.clear()
    bench.step(5000)
    bench.run(100)
    assert len(bench.statuses) == 3


def test_status_fields() -> None:
    bench = energised()
    bench.board.control, bench.board.limit = 123, None
    bench.run(90)
    status = bench.status
    assert (status.nonce, status.control_dmmhg, status.limit_dmmhg) == (NONCE, 123, None)
    assert (status.state, status.pump_permille) == (cuff.INFLATING, 1000)
    assert status.lease_left_ms == 550 - status.device_ms


def test_status_counter_and_device_time_wrap() -> None:
    bench = Bench(start_ms=(1 << 32) - 30)
    bench.controller._counter = 65534
    bench.run(200)
    assert [status.counter for status in bench.statuses] == [65535, 0, 1, 2, 3]
    assert bench.status.device_ms < 200


def test_a_host_that_does_not_read_costs_frames_not_memory() -> None:
    controller = Controller(BenchBoard(), 0, NONCE)
    for now_ms in range(10, 60000, 10):
        controller.step(now_ms)
    data = controller.outgoing()
    assert len(data) <= 1024
    decoder = ecp.Decoder()
    assert len(decoder.feed(data)) > 20
    assert (decoder.malformed, decoder.resyncs) == (0, 0)


def heap_bytes() -> int:
    """What the heap holds after tidying; CPython does not say."""
    gc.collect()
    return gc.mem_alloc() if aio.MICROPYTHON else 0


def test_minutes_of_operation_do_not_fill_the_heap() -> None:
    bench = energised()
    bench.board.both(1700)
    bench.run(30000, renew=1700)
    before = heap_bytes()
    bench.run(180000, renew=1700)
    assert heap_bytes() - before < 1024
    assert bench.faults() == (0, 0)


# --- time --------------------------------------------------------------------------------------------


class WrappingTicks:
    """A tick counter like the microcontroller's, set by the test."""

    def __init__(self, value: int) -> None:
        self.value = value

    def __call__(self) -> int:
        return self.value % (1 << 30)


def ticks_difference(end: int, start: int) -> int:
    return (end - start + (1 << 29)) % (1 << 30) - (1 << 29)


def test_rules_hold_across_the_wrap_of_the_ticks() -> None:
    ticks = WrappingTicks((1 << 30) - 250)
    clock = aio.Clock(ticks, ticks_difference)
    board = BenchBoard()
    controller = Controller(board, clock.now_ms(), NONCE)
    controller.core.debt.debt_ms = 1000
    controller.receive(cuff.encode_lease_request(1, 1700, 500, 6000, NONCE), clock.now_ms())
    closed_until_ms = 0
    for step_ms in range(10, 800, 10):
        ticks.value = (1 << 30) - 250 + step_ms
        controller.step(clock.now_ms())
        closed_until_ms = step_ms if board.dump_closed else closed_until_ms
    assert closed_until_ms == 490
    assert controller.core.interlock.first_fault == cuff.FAULT_GATEWAY_LOST
    # the first step's 10 ms count as pressed, because what was before them is not known
    assert controller.core.debt.debt_ms == 1000 + 10 - 780


def test_time_that_steps_back_neither_pays_debt_nor_renews() -> None:
    bench = energised(debt_ms=1000)
    before = bench.core.debt.debt_ms
    bench.now_ms -= 40
    bench.step(0)
    assert bench.core.debt.debt_ms == before
    bench.run(540)
    assert bench.board.is_vented()
