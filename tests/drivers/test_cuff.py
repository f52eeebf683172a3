"""The host side of the cuff controller: requests, versions, leases."""

from collections.abc import Callable

import pytest

from drivers import cuff
from drivers.cuff import CuffHost
from drivers.errors import NotGreetedError
from firmware_bridge import cuff as wire
from firmware_bridge import ecp
from firmware_bridge.errors import EncodingError
from tests.drivers.cuff_bench import (
    LIMB,
    NONCE,
    STEP_MS,
    VENT,
    Bench,
    codes,
    greeted,
    hello_reply,
    lease_in,
    nothing,
    sent,
    status,
)


class TestRequests:
    def test_each_request_gets_its_event_from_the_real_firmware(self) -> None:
        bench = Bench()
        bench.host.request_hello()
        [hello] = [event for event in bench.run(60) if isinstance(event, cuff.Hello)]
        assert (hello.device.nonce, hello.compatible) == (NONCE, True)
        bench.host.tighten(2500)
        assert cuff.TightenResult(wire.OK, 2500) in bench.run(60)
        bench.host.self_test()
        assert cuff.SelfTestResult(wire.OK, 0, 0) in bench.run(60)
        bench.host.clear()
        assert cuff.Cleared(wire.OK) in bench.run(60)
        bench.host.annunciate(wire.HIGH)
        assert cuff.Annunciated(wire.OK) in bench.run(60)
        seq = bench.host.lease(LIMB, 1700, 1000, 300_000, bench.now_ms)
        assert cuff.LeaseResult(wire.OK, seq) in bench.run(60)
        seq = bench.host.relay_lease(1000, bench.now_ms)
        assert cuff.RelayResult(wire.OK, seq) in bench.run(60)
        assert (bench.host.crc_errors, bench.host.resyncs, bench.host.invalid) == (0, 0, 0)
        assert (bench.host.unexpected, bench.host.retries, bench.host.status_gaps) == (0, 0, 0)

    def test_one_function_is_pending_at_a_time_in_the_order_asked(self) -> None:
        host = greeted()
        host.tighten(2500)
        host.self_test()
        host.annunciate(wire.LOW)
        assert codes(host.outgoing(10)) == [wire.TIGHTEN]
        assert host.outgoing(20) == b""
        host.receive(wire.encode_tighten_reply(wire.OK, 2500), 30)
        assert codes(host.outgoing(30)) == [wire.SELF_TEST]
        host.receive(wire.encode_self_test_reply(wire.OK, 0, 0), 40)
        assert codes(host.outgoing(40)) == [wire.ANNUNCIATE]

    @pytest.mark.parametrize(
        ("ask", "code"),
        [
            (CuffHost.request_hello, wire.HELLO),
            (lambda host: host.tighten(2500), wire.TIGHTEN),
            (CuffHost.self_test, wire.SELF_TEST),
            (CuffHost.clear, wire.CLEAR_FAULTS),
            (lambda host: host.annunciate(wire.HIGH), wire.ANNUNCIATE),
        ],
    )
    def test_three_tries_half_a_second_apart_then_lost(
        self, ask: Callable[[CuffHost], None], code: int
    ) -> None:
        host = greeted()
        ask(host)
        tries = [at for at in range(0, 3000, STEP_MS) if code in codes(host.outgoing(at))]
        assert tries == [0, 500, 1000]
        assert host.receive(b"", 3000) == [cuff.RequestLost(code, 3)]
        assert host.retries == 2

    def test_a_request_is_answered_at_the_second_try(self) -> None:
        bench = Bench(to_device=nothing)
        bench.host.request_hello()
        bench.run(300)
        bench.to_device = lambda data: data
        events = bench.run(300)
        assert any(isinstance(event, cuff.Hello) for event in events)
        assert bench.host.retries == 1

    def test_what_else_waits_goes_before_a_second_try(self) -> None:
        host = greeted()
        host.tighten(2500)
        host.outgoing(0)
        host.annunciate(wire.HIGH)
        assert codes(host.outgoing(500)) == [wire.ANNUNCIATE]
        host.receive(wire.encode_annunciate_reply(wire.OK), 510)
        assert codes(host.outgoing(510)) == [wire.TIGHTEN]

    def test_a_newer_request_of_the_same_kind_replaces_the_older(self) -> None:
        host = greeted()
        host.annunciate(wire.LOW)
        host.annunciate(wire.HIGH)
        [packet] = sent(host.outgoing(0))
        assert wire.decode_annunciate_request(packet) == wire.HIGH
        host.annunciate(wire.SILENT)
        [packet] = sent(host.outgoing(500))
        assert wire.decode_annunciate_request(packet) == wire.SILENT
        assert host.retries == 0

    @pytest.mark.parametrize(("name", "code"), [("tighten", 0x41), ("self_test", 0x44), ("clear", 0x45)])
    def test_nothing_that_needs_the_nonce_before_a_hello(self, name: str, code: int) -> None:
        host = CuffHost()
        host.receive(status(), 0)
        arguments = (2500,) if name == "tighten" else ()
        with pytest.raises(NotGreetedError, match="before a compatible hello"):
            getattr(host, name)(*arguments)
        assert host.lease(LIMB, 1700, 1000, 300_000, 0) is None
        assert host.outgoing(0) == b""

    def test_a_nack_costs_a_try(self) -> None:
        host = greeted()
        host.tighten(2500)
        host.outgoing(10)
        nack = ecp.encode_nack(ecp.ERROR_CRC)
        assert host.receive(nack, 20) == [cuff.Nack(ecp.ERROR_CRC, wire.TIGHTEN)]
        assert codes(host.outgoing(20)) == [wire.TIGHTEN]
        host.receive(nack, 30)
        host.outgoing(30)
        assert host.receive(nack, 40) == [
            cuff.Nack(ecp.ERROR_CRC, wire.TIGHTEN),
            cuff.RequestLost(wire.TIGHTEN, 3),
        ]
        assert host.receive(nack, 50) == [cuff.Nack(ecp.ERROR_CRC, None)]

    def test_answers_that_nobody_waits_for_are_counted_and_dropped(self) -> None:
        host = greeted()
        replies = [
            hello_reply(nonce=5),
            wire.encode_tighten_reply(wire.OK, 100),
            wire.encode_lease_reply(wire.OK, 0),
            wire.encode_clear_reply(wire.OK),
        ]
        assert host.receive(b"".join(replies), 10) == []
        assert host.unexpected == 4
        assert host.nonce == NONCE


class TestProtocolRange:
    @pytest.mark.parametrize(
        ("low", "high", "compatible"),
        [(2, 2, True), (1, 2, True), (2, 9, True), (3, 9, False), (1, 1, False)],
    )
    def test_ranges_overlap_or_nothing_is_asked(self, low: int, high: int, compatible: bool) -> None:
        host = CuffHost()
        host.request_hello()
        request = wire.decode_hello_request(sent(host.outgoing(0))[0])
        assert request == wire.HelloRequest(cuff.HOST_PROTOCOL_MIN, cuff.HOST_PROTOCOL_MAX)
        [hello] = host.receive(hello_reply(low=low, high=high), 5)
        assert isinstance(hello, cuff.Hello)
        assert (hello.compatible, hello.arrived_ms) == (compatible, 5)
        assert host.nonce == (NONCE if compatible else None)
        host.receive(status(), 10)
        assert (host.lease(LIMB, 1700, 1000, 300_000, 10) is not None) == compatible
        host.vent()
        assert host.outgoing(20).startswith(VENT)


class TestLeases:
    def test_a_lease_goes_before_what_waits(self) -> None:
        host = greeted()
        host.annunciate(wire.LOW)
        host.lease(LIMB, 1700, 1000, 300_000, 0)
        assert codes(host.outgoing(0)) == [wire.LEASE]

    def test_only_the_newest_waiting_lease_goes_out(self) -> None:
        host = greeted()
        host.annunciate(wire.LOW)
        host.outgoing(0)
        host.lease(LIMB, 1600, 1000, 300_000, 0)
        newest = host.lease(LIMB, 1700, 1000, 300_000, 50)
        host.receive(wire.encode_annunciate_reply(wire.OK), 60)
        request = lease_in(host.outgoing(60))
        assert (request.target_dmmhg, request.seq) == (1700, newest)
        host.receive(wire.encode_lease_reply(wire.OK, newest or 0), 70)
        assert host.outgoing(70) == b""

    def test_waiting_shortens_a_lease_and_never_lengthens_it(self) -> None:
        host = greeted()
        host.annunciate(wire.LOW)
        host.outgoing(0)
        host.lease(LIMB, 1700, 1000, 290_000, 100)
        host.receive(wire.encode_annunciate_reply(wire.OK), 450)
        request = lease_in(host.outgoing(450))
        assert (request.duration_ms, request.planned_ms, request.nonce) == (650, 290_000, NONCE)

    def test_a_lease_that_ran_out_while_waiting_never_goes(self) -> None:
        host = greeted()
        host.annunciate(wire.LOW)
        host.outgoing(0)
        host.lease(LIMB, 1700, 200, 300_000, 0)
        host.receive(wire.encode_annunciate_reply(wire.OK), 200)
        assert host.outgoing(200) == b""
        assert host.leases_lost == 1

    def test_a_lease_is_lost_after_150_ms_and_never_sent_again(self) -> None:
        host = greeted()
        host.lease(LIMB, 1700, 1000, 300_000, 0)
        assert codes(host.outgoing(0)) == [wire.LEASE]
        host.annunciate(wire.LOW)
        assert host.outgoing(149) == b""
        assert codes(host.outgoing(150)) == [wire.ANNUNCIATE]
        assert host.leases_lost == 1
        assert host.receive(wire.encode_lease_reply(wire.OK, 1), 160) == []
        assert host.unexpected == 1

    def test_the_answer_to_an_earlier_lease_does_not_count_for_this_one(self) -> None:
        host = greeted()
        host.lease(LIMB, 1700, 1000, 300_000, 0)
        host.outgoing(0)
        second = host.lease(LIMB, 1700, 1000, 300_000, 150)
        assert lease_in(host.outgoing(150)).seq == second
        assert host.receive(wire.encode_lease_reply(wire.OK, 1), 160) == []
        assert host.receive(wire.encode_lease_reply(wire.OK, 2), 170) == [cuff.LeaseResult(wire.OK, 2)]

    def test_a_nack_ends_a_lease(self) -> None:
        host = greeted()
        host.lease(LIMB, 1700, 1000, 300_000, 0)
        host.outgoing(0)
        assert host.receive(ecp.encode_nack(ecp.ERROR_CRC), 10) == [cuff.Nack(ecp.ERROR_CRC, wire.LEASE)]
        assert host.outgoing(10) == b""
        assert host.leases_lost == 1

    def test_a_refusal_is_reported_with_its_number(self) -> None:
        host = greeted()
        seq = host.lease(LIMB, 1700, 1000, 300_000, 0)
        host.outgoing(0)
        reply = wire.encode_lease_reply(wire.DEBT, seq or 0)
        assert host.receive(reply, 10) == [cuff.LeaseResult(wire.DEBT, seq or 0)]

    @pytest.mark.parametrize("limb", range(4))
    def test_a_lease_names_its_limb(self, limb: int) -> None:
        host = greeted()
        host.lease(limb, 1700, 1000, 300_000, 0)
        assert lease_in(host.outgoing(0)).limb == limb

    @pytest.mark.parametrize(("before", "expected"), [(0, 1), (40_000, 40_001), (0xFFFF, 0)])
    def test_numbers_follow_the_device(self, before: int, expected: int) -> None:
        assert greeted(lease_seq=before).lease(LIMB, 1700, 1000, 300_000, 0) == expected

    def test_an_old_number_is_cured_by_the_next_status(self) -> None:
        host = greeted()
        host.lease(LIMB, 1700, 1000, 300_000, 0)
        host.outgoing(0)
        host.receive(wire.encode_lease_reply(wire.OLD_SEQUENCE, 1), 10)
        assert host.lease(LIMB, 1700, 1000, 300_000, 20) is None
        host.receive(status(counter=2, lease_seq=700), 50)
        assert host.lease(LIMB, 1700, 1000, 300_000, 60) == 701

    def test_a_second_gateway_goes_on_where_the_first_ended(self) -> None:
        bench = Bench()
        bench.greet()
        bench.inflate()
        bench.host = CuffHost()
        bench.greet()
        seq = bench.host.lease(LIMB, 1700, 1000, 300_000, bench.now_ms)
        assert cuff.LeaseResult(wire.OK, seq) in bench.run(50)

    @pytest.mark.parametrize("values", [(-1, 1000, 0), (40_000, 1000, 0), (1700, 70_000, 0), (1700, 1, -1)])
    def test_values_that_do_not_fit_raise_and_change_nothing(self, values: tuple[int, int, int]) -> None:
        host = greeted()
        with pytest.raises(EncodingError):
            host.lease(LIMB, *values, 0)
        assert host.outgoing(0) == b""
        assert host.lease(LIMB, 1700, 1000, 0, 0) == 1


def test_the_round_trip_is_that_of_the_newest_request_that_was_answered() -> None:
    host = CuffHost()
    assert host.round_trip_ms is None
    host.request_hello()
    host.outgoing(1_000)
    host.receive(status(1), 1_005)
    assert host.round_trip_ms is None, "nobody asked for a status"
    host.receive(hello_reply(), 1_012)
    assert host.round_trip_ms == 12
    seq = host.lease(LIMB, 1700, 500, 60_000, 2_000)
    assert seq is not None
    host.outgoing(2_000)
    host.receive(wire.encode_lease_reply(wire.OK, seq), 2_003)
    assert host.round_trip_ms == 3
    host.receive(wire.encode_lease_reply(wire.OK, seq), 2_900)
    assert host.round_trip_ms == 3, "nobody waited for this one"
