"""The relay in the stimulator's lead: leased, dead-man, opened at once. Runs on MicroPython too."""

from firmware_bridge import cuff
from tests.firmware_bridge.bench import NONCE, Bench, assert_tripped, energised


def closed() -> Bench:
    """A bench whose relay is closed and whose cuff is vented."""
    bench = Bench()
    bench.run(50)
    assert bench.relay() == cuff.OK
    bench.step(10)
    assert bench.board.relay_closed
    return bench


def test_boots_open() -> None:
    bench = Bench()
    bench.run(100)
    assert not bench.board.relay_closed
    assert not bench.status.actuators & cuff.RELAY_CLOSED


def test_a_lease_closes_the_relay_and_nothing_else() -> None:
    bench = closed()
    assert bench.board.is_vented()
    bench.run(50)
    assert bench.status.actuators == cuff.RELAY_CLOSED
    assert (bench.status.relay_seq, bench.status.lease_seq, bench.status.limb) == (1, 0, cuff.NO_LIMB)


def test_a_cuffs_lease_does_not_close_the_relay() -> None:
    assert not energised().board.relay_closed


def test_dead_man_opens_latches_and_sounds() -> None:
    bench = closed()
    bench.run(480)
    assert bench.board.relay_closed
    bench.run(10)
    assert_tripped(bench, cuff.FAULT_GATEWAY_LOST)


def test_renewal_keeps_it_closed() -> None:
    bench = closed()
    for _ in range(50):
        assert bench.relay() == cuff.OK
        bench.run(100)
        assert bench.board.relay_closed
    assert bench.core.interlock.faults == 0


def test_relay_open_opens_before_the_next_step_and_is_no_fault() -> None:
    bench = closed()
    bench.open_relay()
    assert not bench.board.relay_closed
    assert bench.faults() == (0, 0)
    assert bench.relay() == cuff.OK


def test_relay_open_when_open_changes_nothing() -> None:
    bench = Bench()
    bench.open_relay()
    assert bench.faults() == (0, 0)


def test_each_output_is_ended_on_its_own() -> None:
    bench = energised()
    assert bench.relay() == cuff.OK
    bench.step(10)
    bench.open_relay()
    assert (bench.board.relay_closed, bench.board.dump_closed) == (False, True)
    assert bench.relay() == cuff.OK
    bench.step(10)
    bench.vent()
    assert (bench.board.relay_closed, bench.board.dump_closed) == (True, False)


def test_either_lease_that_runs_out_ends_both() -> None:
    bench = energised()
    assert bench.relay(duration_ms=1000) == cuff.OK
    bench.run(490)
    assert_tripped(bench, cuff.FAULT_GATEWAY_LOST)
    bench = energised()
    assert bench.relay(duration_ms=100) == cuff.OK
    bench.run(100)
    assert_tripped(bench, cuff.FAULT_GATEWAY_LOST)


def test_any_fault_opens_it() -> None:
    bench = closed()
    bench.board.limit = 3201
    bench.step(10)
    assert bench.core.interlock.first_fault == cuff.FAULT_OVER_PRESSURE
    assert not bench.board.relay_closed


def test_a_late_loop_opens_it() -> None:
    bench = closed()
    bench.step(200)
    assert bench.board.relay_closed
    bench.step(201)
    assert_tripped(bench, cuff.FAULT_LOOP_LATE)


def test_missing_sensors_do_not_matter_to_it() -> None:
    bench = closed()
    bench.board.both(None)
    bench.run(400)
    assert bench.board.relay_closed
    assert bench.core.interlock.faults == 0


def test_durations_and_numbers_are_its_own() -> None:
    bench = Bench()
    assert bench.relay(duration_ms=0, seq=9) == cuff.BAD_DURATION
    assert bench.relay(duration_ms=1001, seq=10) == cuff.BAD_DURATION
    assert bench.relay(duration_ms=1000, seq=10) == cuff.OLD_SEQUENCE
    assert bench.lease(seq=5) == cuff.OK
    assert bench.relay(duration_ms=1000, seq=11) == cuff.OK
    assert bench.lease(seq=6) == cuff.OK


def test_a_stranger_cannot_close_it_and_uses_no_number_up() -> None:
    bench = Bench()
    assert bench.relay(nonce=NONCE ^ 1, seq=7) == cuff.WRONG_NONCE
    bench.step(10)
    assert not bench.board.relay_closed
    assert bench.relay(seq=7) == cuff.OK


def test_an_old_number_renews_nothing() -> None:
    bench = closed()
    bench.run(400)
    assert bench.relay(seq=1) == cuff.OLD_SEQUENCE
    bench.run(90)
    assert_tripped(bench, cuff.FAULT_GATEWAY_LOST)


def test_what_waited_in_a_buffer_cannot_renew_what_ran_out() -> None:
    bench = Bench()
    assert bench.relay(duration_ms=100) == cuff.OK
    for _ in range(9):
        bench.step(10)
    bench.now_ms += 10
    assert bench.relay() == cuff.FAULTED
    assert_tripped(bench, cuff.FAULT_GATEWAY_LOST)
