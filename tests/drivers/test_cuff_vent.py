"""The host side of the cuff controller: vent before everything, resets, signs of life."""

from collections.abc import Callable

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from drivers import cuff
from drivers.cuff import OLD_STATUSES, CuffHost
from drivers.errors import NotGreetedError
from firmware_bridge import cuff as wire
from firmware_bridge import ecp
from tests.drivers.cuff_bench import (
    ENERGISED,
    LIMB,
    RELAY_OPEN,
    STEP_MS,
    VENT,
    Bench,
    codes,
    greeted,
    hello_reply,
    nothing,
    status,
)


class TestVent:
    @pytest.mark.parametrize(
        "pending",
        [
            CuffHost.request_hello,
            lambda host: host.tighten(2500),
            lambda host: host.lease(LIMB, 1700, 1000, 300_000, 0),
            CuffHost.self_test,
            CuffHost.clear,
            lambda host: host.annunciate(wire.HIGH),
            lambda host: host.relay_lease(1000, 0),
            CuffHost.open_relay,
            lambda host: None,
        ],
    )
    @pytest.mark.parametrize("out", [True, False])
    def test_vent_is_the_next_bytes_whatever_is_pending(
        self, pending: Callable[[CuffHost], object], out: bool
    ) -> None:
        host = greeted()
        pending(host)
        if out:
            host.outgoing(0)
        host.vent()
        assert host.outgoing(1).startswith(VENT)

    def test_vent_drops_waiting_and_pending_leases(self) -> None:
        host = greeted()
        host.lease(LIMB, 1700, 1000, 300_000, 0)
        host.outgoing(0)
        host.lease(LIMB, 1700, 1000, 300_000, 1)
        host.vent()
        assert host.outgoing(2) == VENT
        assert host.receive(wire.encode_lease_reply(wire.OK, 1), 3) == []
        assert host.outgoing(4) == b""

    def test_other_functions_go_on_while_venting(self) -> None:
        host = greeted()
        host.vent()
        host.annunciate(wire.HIGH)
        assert codes(host.outgoing(0)) == [wire.VENT, wire.ANNUNCIATE]

    def test_repeated_every_100_ms_until_a_status_shows_the_valve_open(self) -> None:
        host = greeted()
        host.vent()
        assert [at for at in range(0, 350, STEP_MS) if host.outgoing(at)] == [0, 100, 200, 300]
        host.receive(VENT + status(2, ENERGISED), 350)
        assert host.venting
        assert host.outgoing(400) == VENT
        host.receive(status(3), 450)
        assert not host.venting
        assert [at for at in range(450, 1000, STEP_MS) if host.outgoing(at)] == []

    @pytest.mark.parametrize("changes", [{"actuators": wire.DUMP_CLOSED}, {"lease_left_ms": 1}])
    def test_a_closed_valve_or_a_running_lease_is_no_proof(self, changes: dict[str, int]) -> None:
        host = greeted()
        host.vent()
        host.outgoing(0)
        host.receive(status(2, **changes), 10)
        assert host.venting

    def test_a_status_from_before_the_vent_went_out_is_no_proof(self) -> None:
        host = greeted()
        host.vent()
        host.receive(status(2), 0)
        assert host.outgoing(1) == VENT

    def test_calling_it_every_cycle_adds_no_bytes(self) -> None:
        host = greeted()
        out = b""
        for at in range(0, 100, STEP_MS):
            host.vent()
            out += host.outgoing(at)
        assert out == VENT

    def test_it_stays_wanted_until_the_next_lease(self) -> None:
        host = greeted()
        host.vent()
        host.outgoing(0)
        host.receive(status(2), 50)
        host.receive(status(3, ENERGISED), 100)
        assert host.outgoing(100) == VENT
        host.receive(status(4), 150)
        assert host.lease(LIMB, 1700, 1000, 300_000, 150) is not None
        assert codes(host.outgoing(150)) == [wire.LEASE]
        host.receive(status(5, ENERGISED), 200)
        assert host.outgoing(200) == b""

    def test_no_lease_while_it_is_not_confirmed(self) -> None:
        host = greeted()
        host.vent()
        assert host.lease(LIMB, 1700, 1000, 300_000, 0) is None
        host.outgoing(0)
        host.receive(status(2, ENERGISED), 10)
        assert host.lease(LIMB, 1700, 1000, 300_000, 10) is None
        host.receive(status(3), 60)
        assert host.lease(LIMB, 1700, 1000, 300_000, 60) == 1

    def test_a_second_vent_after_a_lease_is_sent_at_once(self) -> None:
        host = greeted()
        host.vent()
        host.outgoing(0)
        host.receive(status(2), 10)
        host.lease(LIMB, 1700, 1000, 300_000, 20)
        host.outgoing(20)
        host.vent()
        assert host.outgoing(30) == VENT

    def test_the_firmware_vents_although_the_first_two_are_lost(self) -> None:
        bench = Bench()
        bench.greet()
        bench.inflate()
        lost: list[bytes] = []

        def lose_two(data: bytes) -> bytes:
            if len(lost) < 2:
                lost.append(data)
                return b""
            return data

        bench.to_device = lose_two
        asked_ms = bench.now_ms
        bench.host.vent()
        while bench.board.dump_closed:
            bench.run(STEP_MS)
            assert bench.now_ms - asked_ms <= 250
        bench.run(200)
        vents = [at - asked_ms for at, out in bench.log if at > asked_ms and VENT in out]
        assert vents == [10, 110, 210]
        assert bench.controller.core.interlock.faults == 0


class TestReset:
    def test_a_status_with_another_nonce_is_a_reset_once(self) -> None:
        host = greeted()
        host.lease(LIMB, 1700, 1000, 300_000, 0)
        events = host.receive(status(1, nonce=77) + status(2, nonce=77), 10)
        assert [event for event in events if not isinstance(event, cuff.Status)] == [cuff.DeviceReset(77)]
        assert isinstance(events[0], cuff.DeviceReset)
        assert host.nonce is None
        assert host.outgoing(20) == b""
        assert host.lease(LIMB, 1700, 1000, 300_000, 20) is None
        with pytest.raises(NotGreetedError):
            host.clear()

    def test_a_hello_with_another_nonce_is_a_reset_too(self) -> None:
        host = greeted()
        host.request_hello()
        host.outgoing(10)
        events = host.receive(hello_reply(nonce=77), 20)
        assert events[0] == cuff.DeviceReset(77)
        assert isinstance(events[1], cuff.Hello)
        assert host.nonce == 77
        assert host.lease(LIMB, 1700, 1000, 300_000, 20) is None

    def test_before_the_first_hello_no_nonce_is_a_surprise(self) -> None:
        host = CuffHost()
        assert [type(event) for event in host.receive(status(nonce=5), 0)] == [cuff.Status]

    def test_a_restarted_firmware_stays_vented_until_greeted_again(self) -> None:
        bench = Bench()
        bench.greet()
        bench.inflate()
        bench.restart(nonce=5)
        events = bench.run(100)
        assert cuff.DeviceReset(5) in events
        assert bench.host.lease(LIMB, 1700, 1000, 300_000, bench.now_ms) is None
        bench.greet()
        bench.inflate()


class TestLife:
    def test_only_what_arrives_counts(self) -> None:
        host = greeted()
        host.receive(status(2), 1000)
        assert host.last_valid_ms == 1000
        host.vent()
        for at in range(1000, 4000, STEP_MS):
            host.annunciate(wire.HIGH)
            host.outgoing(at)
            host.receive(b"", at)
        assert host.last_valid_ms == 1000

    def test_an_echo_of_all_that_we_send_is_no_life(self) -> None:
        host = greeted()
        host.receive(status(2), 1000)
        host.lease(LIMB, 1700, 1000, 300_000, 1000)
        host.receive(host.outgoing(1000), 1010)
        host.vent()
        for at in range(1200, 9000, 500):
            for ask in (host.request_hello, host.self_test, host.clear):
                ask()
            host.tighten(2500)
            host.annunciate(wire.HIGH)
            host.receive(host.outgoing(at), at)
        assert host.last_valid_ms == 1000
        assert host.venting

    def test_damaged_and_repeated_statuses_are_no_life(self) -> None:
        host = greeted()
        good = status(2)
        bad = good[:9] + bytes((good[9] ^ 1,)) + good[10:]
        host.receive(bad, 500)
        assert (host.last_valid_ms, host.crc_errors) == (0, 1)
        host.receive(good, 600)
        assert host.receive(good, 700) == []
        assert (host.last_valid_ms, host.status_repeats) == (600, 1)

    def test_an_old_status_that_comes_again_is_none(self) -> None:
        host = CuffHost()
        for at, counter in ((100, 0xFFFF), (150, 0), (200, 1)):
            assert len(host.receive(status(counter), at)) == 1
        for old in (1, 0, 0xFFFF, (1 - OLD_STATUSES) & 0xFFFF):
            assert host.receive(status(old), 300) == []
        assert (host.last_valid_ms, host.status_repeats, host.status_gaps, host.statuses) == (200, 4, 0, 3)
        assert len(host.receive(status((1 - OLD_STATUSES - 1) & 0xFFFF), 400)) == 1

    def test_frames_of_ours_that_came_damaged_are_counted_by_the_devices_word(self) -> None:
        host = CuffHost()
        for error in (ecp.ERROR_CRC, ecp.ERROR_LENGTH, ecp.ERROR_CRC):
            host.receive(ecp.encode_nack(error), 0)
        assert host.refused_crc == 2

    def test_no_frame_yet_is_not_time_zero(self) -> None:
        assert CuffHost().last_valid_ms is None

    def test_missed_statuses_are_counted_across_the_wrap(self) -> None:
        host = CuffHost()
        for counter in (0xFFFD, 0xFFFE, 1, 2):
            host.receive(status(counter), 0)
        assert host.status_gaps == 2
        host.receive(status(500, nonce=5), 0)
        assert host.status_gaps == 2

    def test_counters_tell_noise_from_damage(self) -> None:
        host = CuffHost()
        host.receive(b"noise" + status(1)[:10] + status(2) + ecp.encode_frame(0xC5, b"?"), 0)
        assert (host.frames, host.crc_errors, host.invalid) == (1, 0, 1)
        assert host.resyncs == 2
        host.receive(ecp.encode_frame(ecp.NACK, b"\x20\x20"), 0)
        assert (host.frames, host.crc_errors) == (1, 1)
        damaged = bytearray(ecp.encode_frame(0xC0, b"x", checksum=ecp.CHECKSUM_CRC8))
        damaged[-3] ^= 1
        host.receive(bytes(damaged), 0)
        assert host.crc_errors == 2


ACTIONS = st.lists(
    st.sampled_from(
        [
            *("lease", "vent", "relay", "open", "annunciate", "hello", "tighten", "clear", "press"),
            *("wait", "cut", "join", "noise"),
        ]
    ),
    max_size=40,
)


@given(actions=ACTIONS, noise=st.binary(max_size=30))
@example(actions=["lease", "wait", "lease", "annunciate", "noise"], noise=b"\xff\xf1\x43")
@example(actions=["lease", "cut", "vent", "wait", "wait"], noise=b"")
@settings(deadline=None, max_examples=60, derandomize=True)
@example(actions=["relay", "wait", "relay", "cut", "open", "lease", "wait"], noise=b"")
def test_a_stop_on_a_joined_wire_always_arrives(actions: list[str], noise: bytes) -> None:
    """Whatever was asked, lost or garbled before: vent and relay-open are first out and heeded in 250 ms."""
    bench = Bench()
    bench.greet()

    def cut() -> None:
        bench.to_device = bench.to_host = nothing

    def join() -> None:
        bench.to_device = bench.to_host = lambda data: data

    verbs: dict[str, Callable[[], object]] = {
        "lease": lambda: bench.host.lease(LIMB, 1700, 1000, 60_000, bench.now_ms),
        "vent": bench.host.vent,
        "relay": lambda: bench.host.relay_lease(1000, bench.now_ms),
        "open": bench.host.open_relay,
        "press": bench.press,
        "annunciate": lambda: bench.host.annunciate(wire.LOW),
        "hello": bench.host.request_hello,
        "tighten": lambda: bench.host.tighten(2500) if bench.host.nonce is not None else None,
        "clear": lambda: bench.host.clear() if bench.host.nonce is not None else None,
        "wait": lambda: bench.run(120),
        "cut": cut,
        "join": join,
        "noise": lambda: bench.host.receive(noise, bench.now_ms),
    }
    for action in actions:
        verbs[action]()
        bench.run(STEP_MS)
    for _, out in bench.log:
        said = codes(out)
        assert len([code for code in said if code not in (wire.VENT, wire.RELAY_OPEN)]) <= 1
        assert not (VENT in out and wire.LEASE in said)
        assert not (RELAY_OPEN in out and wire.RELAY in said)
    join()
    asked = len(bench.log)
    bench.host.vent()
    bench.host.open_relay()
    bench.run(250)
    assert not bench.board.dump_closed
    assert not bench.board.relay_closed
    assert (bench.host.venting, bench.host.opening) == (False, False)
    later = [code for _, out in bench.log[asked:] for code in codes(out)]
    assert wire.LEASE not in later
    assert wire.RELAY not in later
