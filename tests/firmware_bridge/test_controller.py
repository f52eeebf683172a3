"""Self-test, buzzer, wire and time of the cuff's firmware. Runs on MicroPython too."""

import gc

from firmware_bridge import aio, cuff, ecp
from firmware_bridge.mcu import limits
from firmware_bridge.mcu.controller import Controller
from tests.firmware_bridge.bench import NONCE, Bench, BenchBoard, assert_tripped, energised, latched

# --- self-test ---------------------------------------------------------------------------------------


def self_test(bench: Bench, nonce: int = NONCE):
    return cuff.decode_self_test_reply(bench.ask(cuff.encode_self_test_request(nonce)))


def test_self_test_passes_within_three_mmhg() -> None:
    bench = Bench()
    bench.board.control, bench.board.limit = 30, -30
    assert self_test(bench) == (cuff.OK, 30, -30)
    assert bench.faults() == (0, 0)


def test_self_test_fails_off_zero_and_latches() -> None:
    for control, limit in ((31, 0), (0, -31)):
        bench = Bench()
        bench.board.control, bench.board.limit = control, limit
        assert self_test(bench) == (cuff.NOT_ZERO, control, limit)
        bench.step(10)
        assert_tripped(bench, cuff.FAULT_SELF_TEST_FAILED)


def test_self_test_without_a_sensor_can_be_asked_again() -> None:
    for control, limit in ((None, 0), (0, None)):
        bench = Bench()
        bench.board.control, bench.board.limit = control, limit
        assert self_test(bench) == (cuff.SENSOR_MISSING, control, limit)
        bench.board.both(0)
        assert self_test(bench) == (cuff.OK, 0, 0)
        assert bench.faults() == (0, 0)


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


def beeps(bench: Bench) -> int:
    """For how many ms of the next four seconds the buzzer sounds; nothing is said meanwhile."""
    sounding = 0
    for _ in range(400):
        bench.step(10)
        sounding += 10 if bench.board.buzzer else 0
    return sounding


def test_it_sounds_when_the_host_has_been_silent_for_five_seconds_and_latches_nothing() -> None:
    bench = Bench()
    bench.vent()
    for _ in range(499):
        bench.step(10)
        assert not bench.board.buzzer
    bench.step(10)
    assert bench.board.buzzer
    assert beeps(bench) == 800
    assert bench.core.interlock.faults == 0
    assert bench.status.presence
    assert bench.lease() == cuff.OK


def test_a_host_that_was_never_heard_is_not_missed() -> None:
    assert beeps(Bench(start_ms=100000)) == 0
    bench = Bench()
    bench.run(60000)
    assert beeps(bench) == 0


def test_any_valid_frame_ends_it_and_noise_does_not() -> None:
    bench = Bench()
    bench.vent()
    bench.run(6000)
    for noise in (b"noise", ecp.encode_frame(0x11), cuff.encode_lease_request(1, 0, 1, 1, 1, 1)[:-6]):
        bench.controller.receive(noise + ecp.encode_frame(cuff.LEASE, bytes(17)), bench.now_ms)
        bench.controller.outgoing()
        assert beeps(bench) == 800
    bench.ask(cuff.encode_hello_request())
    assert beeps(bench) == 0
    assert beeps(bench) > 0


def test_a_press_ends_it_until_the_host_was_heard_again() -> None:
    bench = Bench()
    bench.vent()
    bench.run(6000)
    bench.press()
    assert beeps(bench) == 0
    bench.run(60000)
    assert beeps(bench) == 0
    bench.vent()
    bench.run(5000)
    assert beeps(bench) == 800


def test_a_silent_host_makes_nothing_quieter() -> None:
    bench = Bench()
    annunciate(bench, cuff.HIGH)
    bench.run(10000)
    assert beeps(bench) == 4000
    bench = latched()
    bench.run(10000)
    assert beeps(bench) == 4000


# --- the wire ----------------------------------------------------------------------------------------


def test_hello() -> None:
    hello = cuff.decode_hello_reply(Bench().ask(cuff.encode_hello_request()))
    assert hello == cuff.Hello(2, 2, 0, 2, 0, cuff.limits_crc(limits.LIMITS), NONCE, b"T-1", b"bench")


def test_bad_requests_are_refused_and_not_acted_on() -> None:
    good = ecp.Decoder().feed(cuff.encode_lease_request(1, 0, 1700, 500, 6000, NONCE))[0].content
    wrong_crc = good[:-1] + bytes((good[-1] ^ 1,))
    for code, content, error in (
        (cuff.LEASE, wrong_crc, ecp.ERROR_CRC),
        (cuff.LEASE, good[:-1], ecp.ERROR_LENGTH),
        (cuff.LEASE, b"", ecp.ERROR_LENGTH),
        (cuff.VENT, b"\x00", ecp.ERROR_LENGTH),
        (cuff.RELAY_OPEN, b"\x00", ecp.ERROR_LENGTH),
        (cuff.RELAY, bytes(10), ecp.ERROR_CRC),
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
    for unknown in (
        cuff.encode_annunciate_request(4),
        cuff.encode_lease_request(1, 4, 1700, 500, 6000, NONCE),
        cuff.encode_lease_request(1, cuff.NO_LIMB - 1, 1700, 500, 6000, NONCE),
    ):
        assert cuff.decode_nack(Bench().ask(unknown)) == ecp.ERROR_VALUE


def test_requests_may_come_in_pieces_and_in_company() -> None:
    bench = Bench()
    lease = cuff.encode_lease_request(1, 0, 1700, 500, 6000, NONCE)
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
    assert len(decoder.feed(data)) > 15
    assert (decoder.malformed, decoder.resyncs) == (0, 0)


def heap_bytes() -> int:
    """What the heap holds after tidying; CPython does not say."""
    gc.collect()
    return gc.mem_alloc() if aio.MICROPYTHON else 0


def test_minutes_of_operation_do_not_fill_the_heap() -> None:
    bench = energised(planned_ms=300000)
    bench.board.both(1700)
    bench.run(30000, renew=1700)
    before = heap_bytes()
    bench.run(180000, renew=1700)
    assert heap_bytes() - before < 1024
    assert bench.faults() == (0, 0)


# --- time --------------------------------------------------------------------------------------------


def test_time_that_steps_back_neither_pays_debt_nor_renews() -> None:
    bench = energised(debt_ms=1000)
    before = list(bench.core.debt.debts_ms)
    bench.now_ms -= 40
    bench.step(0)
    assert bench.core.debt.debts_ms == before
    bench.run(540)
    assert bench.board.is_vented()
