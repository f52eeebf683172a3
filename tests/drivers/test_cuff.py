"""The host side of the cuff controller against the real device side, in virtual time."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from drivers import cuff
from drivers.cuff import CuffHost
from drivers.errors import NotGreetedError
from firmware_bridge import cuff as wire
from firmware_bridge import ecp
from firmware_bridge.errors import EncodingError
from firmware_bridge.mcu.board import Board
from firmware_bridge.mcu.controller import Controller

NONCE = 0xC0FFEE01
VENT = wire.encode_vent()
STEP_MS = 10

STATUS = wire.Status(
    counter=1,
    device_ms=50,
    nonce=NONCE,
    control_dmmhg=0,
    limit_dmmhg=0,
    target_dmmhg=None,
    state=wire.VENTED,
    actuators=0,
    pump_permille=0,
    debt_ms=0,
    lease_seq=0,
    lease_left_ms=0,
    faults=0,
    first_fault=0,
)
ENERGISED = STATUS._replace(
    target_dmmhg=1700, state=wire.HOLDING, actuators=wire.DUMP_CLOSED, lease_left_ms=900
)


def hello_reply(nonce: int = NONCE, low: int = 1, high: int = 1) -> bytes:
    return wire.encode_hello_reply(wire.Hello(low, high, 0, 1, 0, 0x1234, nonce, b"RV-1", b"bench"))


def status(counter: int = 1, of: wire.Status = STATUS, **changes: object) -> bytes:
    return wire.encode_status(of._replace(counter=counter, **changes))


def sent(data: bytes) -> list[ecp.Packet]:
    return ecp.Decoder().feed(data)


def codes(data: bytes) -> list[int]:
    return [packet.code for packet in sent(data)]


def lease_in(data: bytes) -> wire.LeaseRequest:
    [packet] = sent(data)
    request = wire.decode_lease_request(packet)
    assert request is not None
    return request


def greeted(lease_seq: int = 0) -> CuffHost:
    """A host that knows its device and has seen one status, at time 0."""
    host = CuffHost()
    host.request_hello()
    host.outgoing(0)
    host.receive(hello_reply() + status(lease_seq=lease_seq), 0)
    return host


class PressedCuff(Board):
    """A cuff that follows the dump valve: full pressure while it is closed, none while it is open."""

    dump_closed = False

    def control_dmmhg(self) -> int | None:
        return 1700 if self.dump_closed else 0

    def limit_dmmhg(self) -> int | None:
        return self.control_dmmhg()

    def write(
        self, pump_permille: int, inflate_open: bool, dump_closed: bool, buzzer: bool, indicator: int
    ) -> None:
        self.dump_closed = dump_closed


@dataclass
class Bench:
    """Host and firmware on one wire that can lose frames, in steps of 10 ms."""

    host: CuffHost = field(default_factory=CuffHost)
    board: PressedCuff = field(default_factory=PressedCuff)
    now_ms: int = 0
    to_device: Callable[[bytes], bytes] = lambda data: data
    to_host: Callable[[bytes], bytes] = lambda data: data
    log: list[tuple[int, bytes]] = field(default_factory=list)
    events: list[cuff.Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.restart(NONCE)

    def restart(self, nonce: int) -> None:
        """Power on; the debt that a reset assumes is waited for before anything else."""
        self.controller = Controller(self.board, self.now_ms, nonce)
        self.controller.step(self.now_ms)
        self.now_ms += 400_000
        self.controller.step(self.now_ms)
        self.controller.outgoing()

    def run(self, duration_ms: int) -> list[cuff.Event]:
        """Step both ends; the events that the host reported meanwhile."""
        since = len(self.events)
        for _ in range(duration_ms // STEP_MS):
            self.now_ms += STEP_MS
            self.exchange()
            self.controller.step(self.now_ms)
        return self.events[since:]

    def exchange(self) -> None:
        """One turn of the host's shell: hear, then speak."""
        arrived = self.to_host(self.controller.outgoing())
        self.events += self.host.receive(arrived, self.now_ms)
        out = self.host.outgoing(self.now_ms)
        if out:
            self.log.append((self.now_ms, out))
            self.controller.receive(self.to_device(out), self.now_ms)

    def greet(self) -> None:
        self.host.request_hello()
        assert any(isinstance(event, cuff.Hello) for event in self.run(100))

    def inflate(self) -> None:
        assert self.host.lease(1700, 1000, 300_000, self.now_ms) is not None
        self.run(50)
        assert self.board.dump_closed


def nothing(data: bytes) -> bytes:
    return b""


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
        seq = bench.host.lease(1700, 1000, 300_000, bench.now_ms)
        assert cuff.LeaseResult(wire.OK, seq) in bench.run(60)
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
        assert host.lease(1700, 1000, 300_000, 0) is None
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
        [(1, 1, True), (0, 1, True), (1, 9, True), (2, 9, False), (0, 0, False)],
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
        assert (host.lease(1700, 1000, 300_000, 10) is not None) == compatible
        host.vent()
        assert host.outgoing(20).startswith(VENT)


class TestLeases:
    def test_a_lease_goes_before_what_waits(self) -> None:
        host = greeted()
        host.annunciate(wire.LOW)
        host.lease(1700, 1000, 300_000, 0)
        assert codes(host.outgoing(0)) == [wire.LEASE]

    def test_only_the_newest_waiting_lease_goes_out(self) -> None:
        host = greeted()
        host.annunciate(wire.LOW)
        host.outgoing(0)
        host.lease(1600, 1000, 300_000, 0)
        newest = host.lease(1700, 1000, 300_000, 50)
        host.receive(wire.encode_annunciate_reply(wire.OK), 60)
        request = lease_in(host.outgoing(60))
        assert (request.target_dmmhg, request.seq) == (1700, newest)
        host.receive(wire.encode_lease_reply(wire.OK, newest or 0), 70)
        assert host.outgoing(70) == b""

    def test_waiting_shortens_a_lease_and_never_lengthens_it(self) -> None:
        host = greeted()
        host.annunciate(wire.LOW)
        host.outgoing(0)
        host.lease(1700, 1000, 290_000, 100)
        host.receive(wire.encode_annunciate_reply(wire.OK), 450)
        request = lease_in(host.outgoing(450))
        assert (request.duration_ms, request.planned_ms, request.nonce) == (650, 290_000, NONCE)

    def test_a_lease_that_ran_out_while_waiting_never_goes(self) -> None:
        host = greeted()
        host.annunciate(wire.LOW)
        host.outgoing(0)
        host.lease(1700, 200, 300_000, 0)
        host.receive(wire.encode_annunciate_reply(wire.OK), 200)
        assert host.outgoing(200) == b""
        assert host.leases_lost == 1

    def test_a_lease_is_lost_after_150_ms_and_never_sent_again(self) -> None:
        host = greeted()
        host.lease(1700, 1000, 300_000, 0)
        assert codes(host.outgoing(0)) == [wire.LEASE]
        host.annunciate(wire.LOW)
        assert host.outgoing(149) == b""
        assert codes(host.outgoing(150)) == [wire.ANNUNCIATE]
        assert host.leases_lost == 1
        assert host.receive(wire.encode_lease_reply(wire.OK, 1), 160) == []
        assert host.unexpected == 1

    def test_the_answer_to_an_earlier_lease_does_not_count_for_this_one(self) -> None:
        host = greeted()
        host.lease(1700, 1000, 300_000, 0)
        host.outgoing(0)
        second = host.lease(1700, 1000, 300_000, 150)
        assert lease_in(host.outgoing(150)).seq == second
        assert host.receive(wire.encode_lease_reply(wire.OK, 1), 160) == []
        assert host.receive(wire.encode_lease_reply(wire.OK, 2), 170) == [cuff.LeaseResult(wire.OK, 2)]

    def test_a_nack_ends_a_lease(self) -> None:
        host = greeted()
        host.lease(1700, 1000, 300_000, 0)
        host.outgoing(0)
        assert host.receive(ecp.encode_nack(ecp.ERROR_CRC), 10) == [cuff.Nack(ecp.ERROR_CRC, wire.LEASE)]
        assert host.outgoing(10) == b""
        assert host.leases_lost == 1

    def test_a_refusal_is_reported_with_its_number(self) -> None:
        host = greeted()
        seq = host.lease(1700, 1000, 300_000, 0)
        host.outgoing(0)
        reply = wire.encode_lease_reply(wire.DEBT, seq or 0)
        assert host.receive(reply, 10) == [cuff.LeaseResult(wire.DEBT, seq or 0)]

    @pytest.mark.parametrize(("before", "expected"), [(0, 1), (40_000, 40_001), (0xFFFF, 0)])
    def test_numbers_follow_the_device(self, before: int, expected: int) -> None:
        assert greeted(lease_seq=before).lease(1700, 1000, 300_000, 0) == expected

    def test_an_old_number_is_cured_by_the_next_status(self) -> None:
        host = greeted()
        host.lease(1700, 1000, 300_000, 0)
        host.outgoing(0)
        host.receive(wire.encode_lease_reply(wire.OLD_SEQUENCE, 1), 10)
        assert host.lease(1700, 1000, 300_000, 20) is None
        host.receive(status(counter=2, lease_seq=700), 50)
        assert host.lease(1700, 1000, 300_000, 60) == 701

    def test_a_second_gateway_goes_on_where_the_first_ended(self) -> None:
        bench = Bench()
        bench.greet()
        bench.inflate()
        bench.host = CuffHost()
        bench.greet()
        seq = bench.host.lease(1700, 1000, 300_000, bench.now_ms)
        assert cuff.LeaseResult(wire.OK, seq) in bench.run(50)

    @pytest.mark.parametrize("values", [(-1, 1000, 0), (40_000, 1000, 0), (1700, 70_000, 0), (1700, 1, -1)])
    def test_values_that_do_not_fit_raise_and_change_nothing(self, values: tuple[int, int, int]) -> None:
        host = greeted()
        with pytest.raises(EncodingError):
            host.lease(*values, 0)
        assert host.outgoing(0) == b""
        assert host.lease(1700, 1000, 0, 0) == 1


class TestVent:
    @pytest.mark.parametrize(
        "pending",
        [
            CuffHost.request_hello,
            lambda host: host.tighten(2500),
            lambda host: host.lease(1700, 1000, 300_000, 0),
            CuffHost.self_test,
            CuffHost.clear,
            lambda host: host.annunciate(wire.HIGH),
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
        host.lease(1700, 1000, 300_000, 0)
        host.outgoing(0)
        host.lease(1700, 1000, 300_000, 1)
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
        assert host.lease(1700, 1000, 300_000, 150) is not None
        assert codes(host.outgoing(150)) == [wire.LEASE]
        host.receive(status(5, ENERGISED), 200)
        assert host.outgoing(200) == b""

    def test_no_lease_while_it_is_not_confirmed(self) -> None:
        host = greeted()
        host.vent()
        assert host.lease(1700, 1000, 300_000, 0) is None
        host.outgoing(0)
        host.receive(status(2, ENERGISED), 10)
        assert host.lease(1700, 1000, 300_000, 10) is None
        host.receive(status(3), 60)
        assert host.lease(1700, 1000, 300_000, 60) == 1

    def test_a_second_vent_after_a_lease_is_sent_at_once(self) -> None:
        host = greeted()
        host.vent()
        host.outgoing(0)
        host.receive(status(2), 10)
        host.lease(1700, 1000, 300_000, 20)
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
        host.lease(1700, 1000, 300_000, 0)
        events = host.receive(status(1, nonce=77) + status(2, nonce=77), 10)
        assert [event for event in events if not isinstance(event, cuff.Status)] == [cuff.DeviceReset(77)]
        assert isinstance(events[0], cuff.DeviceReset)
        assert host.nonce is None
        assert host.outgoing(20) == b""
        assert host.lease(1700, 1000, 300_000, 20) is None
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
        assert host.lease(1700, 1000, 300_000, 20) is None

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
        assert bench.host.lease(1700, 1000, 300_000, bench.now_ms) is None
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
        host.lease(1700, 1000, 300_000, 1000)
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
        damaged = bytearray(ecp.encode_frame(0xC0, b"x", checksum=ecp.CHECKSUM_CRC8))
        damaged[-3] ^= 1
        host.receive(bytes(damaged), 0)
        assert host.crc_errors == 1


ACTIONS = st.lists(
    st.sampled_from(
        ["lease", "vent", "annunciate", "hello", "tighten", "clear", "wait", "cut", "join", "noise"]
    ),
    max_size=40,
)


@given(actions=ACTIONS, noise=st.binary(max_size=30))
@example(actions=["lease", "wait", "lease", "annunciate", "noise"], noise=b"\xff\xf1\x43")
@example(actions=["lease", "cut", "vent", "wait", "wait"], noise=b"")
@settings(deadline=None, max_examples=60, derandomize=True)
def test_a_vent_on_a_joined_wire_always_arrives(actions: list[str], noise: bytes) -> None:
    """Whatever was asked, lost or garbled before: vent is first out, and the valve is open 250 ms later."""
    bench = Bench()
    bench.greet()

    def cut() -> None:
        bench.to_device = bench.to_host = nothing

    def join() -> None:
        bench.to_device = bench.to_host = lambda data: data

    verbs: dict[str, Callable[[], object]] = {
        "lease": lambda: bench.host.lease(1700, 1000, 60_000, bench.now_ms),
        "vent": bench.host.vent,
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
        assert len([code for code in codes(out) if code != wire.VENT]) <= 1
        assert not (VENT in out and wire.LEASE in codes(out))
    join()
    asked = len(bench.log)
    bench.host.vent()
    bench.run(250)
    assert not bench.board.dump_closed
    assert not bench.host.venting
    assert all(wire.LEASE not in codes(out) for _, out in bench.log[asked:])
