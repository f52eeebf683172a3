"""The host side of the relay in the stimulator's lead: leases of its own, an order that waits for nothing."""

from collections.abc import Callable

import pytest

from drivers import cuff
from drivers.cuff import CuffHost
from firmware_bridge import cuff as wire
from tests.drivers.cuff_bench import (
    LIMB,
    NONCE,
    RELAY_OPEN,
    STEP_MS,
    VENT,
    Bench,
    codes,
    greeted,
    nothing,
    sent,
    status,
)

CLOSED = wire.RELAY_CLOSED


def relay_in(data: bytes) -> wire.RelayRequest:
    [packet] = sent(data)
    request = wire.decode_relay_request(packet)
    assert request is not None
    return request


class TestOrder:
    @pytest.mark.parametrize(
        "pending",
        [
            CuffHost.request_hello,
            lambda host: host.tighten(2500),
            lambda host: host.lease(LIMB, 1700, 1000, 300_000, 0),
            lambda host: host.relay_lease(1000, 0),
            CuffHost.self_test,
            CuffHost.clear,
            lambda host: host.annunciate(wire.HIGH),
        ],
    )
    @pytest.mark.parametrize("out", [True, False])
    def test_it_is_the_next_bytes_whatever_is_pending(
        self, pending: Callable[[CuffHost], object], out: bool
    ) -> None:
        host = greeted()
        pending(host)
        if out:
            host.outgoing(0)
        host.open_relay()
        assert host.outgoing(1).startswith(RELAY_OPEN)

    def test_only_a_vent_goes_before_it(self) -> None:
        host = greeted()
        host.annunciate(wire.HIGH)
        host.open_relay()
        host.vent()
        assert codes(host.outgoing(0)) == [wire.VENT, wire.RELAY_OPEN, wire.ANNUNCIATE]

    def test_it_drops_the_relay_s_leases_and_leaves_the_cuff_s(self) -> None:
        host = greeted()
        host.relay_lease(1000, 0)
        host.outgoing(0)
        host.relay_lease(1000, 1)
        host.lease(LIMB, 1700, 1000, 300_000, 1)
        host.open_relay()
        assert codes(host.outgoing(2)) == [wire.RELAY_OPEN, wire.LEASE]
        assert host.receive(wire.encode_relay_reply(wire.OK, 1), 3) == []

    def test_a_vent_leaves_the_relay_s_leases(self) -> None:
        host = greeted()
        host.relay_lease(1000, 0)
        host.vent()
        assert codes(host.outgoing(0)) == [wire.VENT, wire.RELAY]

    def test_said_again_every_100_ms_until_a_status_shows_it_open(self) -> None:
        host = greeted()
        host.open_relay()
        assert [at for at in range(0, 350, STEP_MS) if host.outgoing(at)] == [0, 100, 200, 300]
        host.receive(RELAY_OPEN + status(2, actuators=CLOSED), 350)
        assert host.opening
        assert host.outgoing(400) == RELAY_OPEN
        host.receive(status(3), 450)
        assert not host.opening
        host.receive(status(4, actuators=CLOSED), 500)
        assert host.outgoing(500) == RELAY_OPEN

    def test_no_lease_while_it_is_not_confirmed(self) -> None:
        host = greeted()
        host.open_relay()
        assert host.relay_lease(1000, 0) is None
        host.outgoing(0)
        host.receive(status(2, actuators=CLOSED), 10)
        assert host.relay_lease(1000, 10) is None
        host.receive(status(3), 60)
        assert host.relay_lease(1000, 60) == 1

    def test_its_echo_is_no_sign_of_life(self) -> None:
        host = greeted()
        host.open_relay()
        host.receive(host.outgoing(500), 500)
        assert host.last_valid_ms == 0
        assert host.opening

    def test_the_firmware_opens_although_the_first_two_are_lost(self) -> None:
        bench = Bench()
        bench.greet()
        bench.close_relay()
        lost: list[bytes] = []

        def lose_two(data: bytes) -> bytes:
            if len(lost) < 2:
                lost.append(data)
                return b""
            return data

        bench.to_device = lose_two
        asked_ms = bench.now_ms
        bench.host.open_relay()
        while bench.board.relay_closed:
            bench.run(STEP_MS)
            assert bench.now_ms - asked_ms <= 250
        assert bench.controller.core.interlock.faults == 0


class TestLeases:
    def test_a_lease_asks_for_the_time_that_is_left(self) -> None:
        host = greeted()
        host.annunciate(wire.LOW)
        host.outgoing(0)
        host.relay_lease(1000, 100)
        host.receive(wire.encode_annunciate_reply(wire.OK), 450)
        assert relay_in(host.outgoing(450)) == (1, 650, NONCE)

    def test_one_that_ran_out_while_waiting_never_goes(self) -> None:
        host = greeted()
        host.annunciate(wire.LOW)
        host.outgoing(0)
        host.relay_lease(200, 0)
        host.receive(wire.encode_annunciate_reply(wire.OK), 200)
        assert host.outgoing(200) == b""
        assert host.leases_lost == 1

    def test_it_is_lost_after_150_ms_and_never_sent_again(self) -> None:
        host = greeted()
        host.relay_lease(1000, 0)
        assert codes(host.outgoing(0)) == [wire.RELAY]
        assert host.outgoing(150) == b""
        assert host.leases_lost == 1

    def test_numbers_are_its_own_and_follow_the_device(self) -> None:
        host = greeted(lease_seq=40)
        host.receive(status(2, relay_seq=700), 10)
        assert host.relay_lease(1000, 10) == 1  # from the first status; the later one is behind our own
        assert host.lease(LIMB, 1700, 1000, 300_000, 10) == 41
        host.outgoing(10)
        host.receive(wire.encode_lease_reply(wire.OK, 41), 11)
        host.outgoing(11)
        host.receive(wire.encode_relay_reply(wire.OLD_SEQUENCE, 1), 20)
        assert host.relay_lease(1000, 20) is None
        host.receive(status(3, relay_seq=700), 60)
        assert host.relay_lease(1000, 60) == 701

    def test_a_cuff_s_answer_is_no_answer_to_the_relay(self) -> None:
        host = greeted()
        host.relay_lease(1000, 0)
        host.outgoing(0)
        assert host.receive(wire.encode_lease_reply(wire.OK, 1), 10) == []
        assert host.receive(wire.encode_relay_reply(wire.NO_PRESENCE, 1), 20) == [
            cuff.RelayResult(wire.NO_PRESENCE, 1)
        ]

    def test_nothing_before_a_hello_and_after_a_reset(self) -> None:
        host = CuffHost()
        host.receive(status(), 0)
        assert host.relay_lease(1000, 0) is None
        host = greeted()
        host.relay_lease(1000, 0)
        host.receive(status(1, nonce=77), 10)
        assert host.outgoing(10) == b""
        assert host.relay_lease(1000, 20) is None

    def test_cuff_and_relay_are_both_kept_by_renewals(self) -> None:
        bench = Bench()
        bench.greet()
        bench.inflate()
        bench.close_relay()
        for _ in range(20):
            bench.host.lease(LIMB, 1700, 800, 300_000, bench.now_ms)
            bench.host.relay_lease(800, bench.now_ms)
            bench.run(200)
            assert bench.board.dump_closed
            assert bench.board.relay_closed
        assert bench.host.leases_lost == 0
        bench.to_device = nothing
        bench.run(800)
        assert (bench.board.dump_closed, bench.board.relay_closed) == (False, False)

    def test_vent_and_relay_open_end_one_each(self) -> None:
        bench = Bench()
        bench.greet()
        bench.inflate()
        bench.close_relay()
        bench.host.vent()
        bench.run(STEP_MS)
        assert (bench.board.dump_closed, bench.board.relay_closed) == (False, True)
        assert bench.log[-1][1].startswith(VENT)
        bench.host.open_relay()
        bench.run(STEP_MS)
        assert not bench.board.relay_closed
