"""The gate against the real firmware in memory: what it leases, when it vents, whom it refuses."""

from itertools import pairwise

import pytest

from firmware_bridge import cuff as messages
from firmware_bridge import ecp
from firmware_bridge.mcu import requests as firmware
from gateway.model import DeviceFault, Limb, Output, Permit, Priority
from gateway.runtime.gate import RENEW_MS, VENT, WAIT_LONGEST_MS, Gate
from tests.drivers.cuff_bench import NONCE, nothing
from tests.runtime.gate_bench import (
    CEILING_DMMHG,
    CORE_TURN_MS,
    PERMIT_MS,
    PLANNED_MS,
    SAFE,
    Pipe,
    Wire,
    accepted,
    as_it_is,
    inflating,
)

REPEAT_MS = 100


@pytest.fixture
def wire() -> Wire:
    """A gate that has accepted its controller."""
    return accepted()


@pytest.fixture
def inflated() -> Wire:
    """And an inflation under way."""
    return inflating()


class TestLeases:
    def test_a_permit_is_renewed_every_200_ms(self, inflated: Wire) -> None:
        inflated.run(3_000)
        leases = inflated.times(messages.LEASE)
        assert len(leases) == 3_000 // RENEW_MS
        assert {later - at for at, later in pairwise(leases)} == {RENEW_MS}
        assert inflated.board.dump_closed

    def test_a_lease_lasts_as_long_as_its_permit_and_asks_for_what_it_says(self, inflated: Wire) -> None:
        inflated.run(1_000)
        for lease in inflated.leases():
            assert (lease.target_dmmhg, lease.planned_ms, lease.nonce) == (1700, PLANNED_MS, NONCE)
            assert lease.duration_ms == PERMIT_MS

    @pytest.mark.parametrize("permit_ms", [60, 200, 800])
    @pytest.mark.parametrize("held_up_ms", [0, 40, 50])
    def test_time_on_the_way_out_shortens_the_lease(
        self, wire: Wire, permit_ms: int, held_up_ms: int
    ) -> None:
        wire.gate.act(
            Permit(Output.CUFF, 1700, wire.now + permit_ms), PLANNED_MS, wire.now, limb=Limb.LEFT_THIGH
        )
        wire.now += held_up_ms
        assert wire.speak() == [messages.LEASE]
        assert [lease.duration_ms for lease in wire.leases()] == [permit_ms - held_up_ms]

    def test_a_permit_that_ran_out_on_the_way_is_never_sent(self, wire: Wire) -> None:
        wire.gate.act(Permit(Output.CUFF, 1700, wire.now + 60), PLANNED_MS, wire.now, limb=Limb.LEFT_THIGH)
        wire.now += 60
        assert wire.speak() == []

    def test_when_the_permits_stop_the_device_vents_by_itself_within_the_last_one(
        self, inflated: Wire
    ) -> None:
        inflated.to_device = nothing
        inflated.run(PERMIT_MS + 20)
        assert not inflated.board.dump_closed

    def test_nothing_is_leased_without_a_permit(self, wire: Wire) -> None:
        wire.run(2_000)
        assert wire.sent == []


class TestVent:
    def test_safe_is_a_vent_in_the_next_bytes(self, inflated: Wire) -> None:
        inflated.gate.act(SAFE, 0, inflated.now, limb=Limb.LEFT_THIGH)
        assert inflated.speak()[0] == messages.VENT
        assert not inflated.board.dump_closed

    def test_it_goes_before_a_lease_that_was_just_asked_for(self, wire: Wire) -> None:
        wire.gate.act(
            Permit(Output.CUFF, 1700, wire.now + PERMIT_MS), PLANNED_MS, wire.now, limb=Limb.LEFT_THIGH
        )
        wire.gate.act(SAFE, 0, wire.now, limb=Limb.LEFT_THIGH)
        assert wire.speak() == [messages.VENT]

    def test_it_does_not_wait_for_an_answer_that_is_pending(self, inflated: Wire) -> None:
        inflated.to_gate = nothing
        inflated.gate.announce(Priority.HIGH)
        assert inflated.speak() == [messages.ANNUNCIATE]
        inflated.gate.act(SAFE, 0, inflated.now, limb=Limb.LEFT_THIGH)
        assert inflated.speak() == [messages.VENT]

    def test_it_is_said_again_while_the_device_says_energised(self, inflated: Wire) -> None:
        inflated.to_device = nothing
        inflated.deny()
        inflated.run(500)
        vents = inflated.times(messages.VENT)
        assert inflated.board.dump_closed
        assert len(vents) == 5
        assert {later - at for at, later in pairwise(vents)} == {REPEAT_MS}
        inflated.to_device = as_it_is
        inflated.run(2 * REPEAT_MS)
        assert not inflated.board.dump_closed
        inflated.sent.clear()
        inflated.run(2_000)
        assert inflated.times(messages.VENT) == []

    def test_a_device_found_energised_is_vented_before_it_is_known(self, inflated: Wire) -> None:
        fresh = Gate(expected_limits_crc=0, expected_serial="", ceiling_dmmhg=CEILING_DMMHG)
        fresh.connected(inflated.now)
        inflated.gate = fresh
        inflated.to_device = lambda data: data if messages.encode_vent() in data else b""
        inflated.run(200)
        assert fresh.identity is None
        assert not inflated.board.dump_closed

    def test_the_last_word_of_a_failed_core_vents_the_real_firmware(self, inflated: Wire) -> None:
        inflated.stimulating = True
        inflated.run(200)
        assert inflated.board.relay_closed
        inflated.controller.receive(VENT, inflated.now)
        assert not inflated.board.dump_closed
        assert not inflated.board.relay_closed
        assert not inflated.controller.core.interlock.faults


class TestAcceptance:
    def test_a_matching_device_is_identified_tightened_and_accepted(self, wire: Wire) -> None:
        who = wire.gate.identity
        assert who is not None
        assert (who.serial, who.board, who.firmware) == ("RV-1", "bench", "0.2.0")
        assert (who.protocol_min, who.protocol_max, who.limits_crc) == (2, 2, firmware.LIMITS_CRC)
        assert wire.gate.refusal == ""
        assert wire.controller.core.ceiling_dmmhg == CEILING_DMMHG

    @pytest.mark.parametrize(
        ("wrong", "words"),
        [
            ({"serial": "RV-2"}, "it is 'RV-1', the configuration expects 'RV-2'"),
            ({"limits_crc": 0x12345678}, "are not those of this gateway (12345678)"),
        ],
    )
    def test_the_wrong_device_is_refused_in_a_sentence_and_never_leased_to(
        self, wrong: dict[str, object], words: str
    ) -> None:
        wire = Wire(**wrong)  # type: ignore[arg-type]
        wire.allow()
        wire.run(5_000)
        assert words in wire.gate.refusal
        _was_left_alone(wire)

    def test_another_protocol_is_refused_in_a_sentence_and_never_leased_to(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(messages, "PROTOCOL_MIN", 3)
        monkeypatch.setattr(messages, "PROTOCOL_MAX", 4)
        wire = Wire()
        wire.allow()
        wire.run(5_000)
        assert "speaks protocol 3 to 4, this gateway 2 to 2" in wire.gate.refusal
        _was_left_alone(wire)

    def test_a_device_that_was_not_tightened_is_not_leased_to(self) -> None:
        wire = Wire()
        wire.to_device = _without(messages.TIGHTEN)
        wire.allow()
        wire.run(3_000)
        assert wire.gate.identity is not None
        _was_left_alone(wire)
        wire.to_device = as_it_is
        wire.run(3_000)
        assert wire.gate.accepted

    def test_a_device_that_wakes_up_late_is_asked_again(self) -> None:
        wire = Wire()
        wire.to_device = nothing
        wire.run(10_000)
        assert wire.gate.refusal == "the cuff controller has not answered yet"
        assert len(wire.times(messages.HELLO)) > 15
        wire.to_device = as_it_is
        wire.run(1_000)
        assert wire.gate.accepted

    def test_a_device_that_restarted_is_met_anew_before_it_is_leased_to(self, inflated: Wire) -> None:
        inflated.board.dump_closed = False
        inflated.power_up(NONCE + 1)
        inflated.to_device = nothing
        inflated.sent.clear()
        inflated.run(500)
        assert not inflated.gate.accepted
        assert inflated.gate.refusal == "the cuff controller restarted"
        assert inflated.gate.reading is not None, "what it says of itself is how the reset is seen"
        assert inflated.leases() == []
        inflated.to_device = as_it_is
        inflated.run(1_000)
        assert inflated.gate.accepted
        assert {lease.nonce for lease in inflated.leases()} == {NONCE + 1}

    def test_a_hello_and_the_restart_after_it_may_come_in_the_same_bytes(self) -> None:
        """As after a stall of the gateway, or on a line that delays: what had greeted is no longer there."""
        wire, late = Wire(), []
        wire.to_gate = lambda data: late.append(data) or b""  # type: ignore[func-returns-value]
        wire.run(500)
        wire.power_up(NONCE + 1)
        wire.run(500)
        wire.to_gate = as_it_is
        list(wire.gate.receive(b"".join(late), wire.now))
        assert not wire.gate.accepted
        wire.run(1_000)
        assert wire.gate.accepted

    def test_a_port_that_is_gone_takes_everything_known_with_it(self, inflated: Wire) -> None:
        inflated.gate.disconnected("/dev/rvos-cuff: unplugged")
        gate = inflated.gate
        assert (gate.refusal, gate.identity, gate.reading) == ("/dev/rvos-cuff: unplugged", None, None)
        assert not gate.accepted
        inflated.sent.clear()
        inflated.run(1_000)
        assert inflated.sent == []
        gate.connected(inflated.now)
        inflated.run(1_000)
        assert gate.accepted


class TestRefusals:
    def test_a_target_above_the_device_s_ceiling(self) -> None:
        wire = Wire(ceiling_dmmhg=1600)
        wire.run(500)
        assert not wire.gate.lease_refused
        wire.allow(1700)
        wire.run(300)
        assert wire.gate.lease_refused
        assert not wire.board.dump_closed

    def test_a_debt_that_only_the_device_knows(self, wire: Wire) -> None:
        wire.power_up(NONCE + 1, rested=False)
        wire.run(500)
        assert wire.gate.accepted
        wire.allow()
        wire.run(WAIT_LONGEST_MS + 300)
        assert wire.gate.lease_refused
        assert wire.gate.lease_result == messages.DEBT
        assert not wire.board.dump_closed

    def test_a_controller_that_is_late_by_its_own_clock_is_waited_for(self, wire: Wire) -> None:
        limb = wire.limb.number
        wire.controller.core.debt.debts_ms[limb] = 300_000 - PLANNED_MS + 900
        wire.allow()
        wire.run(300)
        assert (wire.gate.lease_result, wire.gate.lease_refused) == (messages.DEBT, False)
        wire.run(1_000)
        assert wire.board.dump_closed
        assert (wire.gate.lease_result, wire.gate.lease_refused) == (messages.OK, False)

    def test_so_is_one_that_finds_the_other_limb_s_deflation_too_close(
        self, wire: Wire, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ends_ms = wire.now + 1_000
        debt = wire.controller.core.debt
        monkeypatch.setattr(debt, "is_too_soon", lambda limb, now: now < ends_ms)
        wire.allow()
        wire.run(500)
        assert (wire.gate.lease_result, wire.gate.lease_refused) == (messages.LIMB_TOO_SOON, False)
        wire.run(1_000)
        assert wire.board.dump_closed
        assert not wire.gate.lease_refused

    def test_each_inflation_waits_for_itself(self, wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(wire.controller.core.debt, "allows", lambda limb, planned: False)
        for _ in range(2):
            wire.allow()
            wire.run(WAIT_LONGEST_MS - 500)
            wire.deny()
            wire.run(200)
        assert not wire.gate.lease_refused

    def test_a_cuff_that_was_granted_is_not_waited_for(
        self, inflated: Wire, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(inflated.controller.core.debt, "allows", lambda limb, planned: False)
        inflated.controller.core.vent(inflated.now)  # by itself
        inflated.run(300)
        assert (inflated.gate.lease_result, inflated.gate.lease_refused) == (messages.DEBT, True)

    def test_a_refusal_is_forgotten_with_the_device(self, wire: Wire) -> None:
        wire.gate.lease_refused = True
        wire.gate.connected(wire.now)
        assert not wire.gate.lease_refused

    def test_leases_that_are_granted_refuse_nothing(self, inflated: Wire) -> None:
        inflated.run(2_000)
        assert not inflated.gate.lease_refused


class TestReadings:
    def test_a_status_becomes_a_reading(self, inflated: Wire) -> None:
        reading = inflated.gate.reading
        assert reading is not None
        assert (reading.control_dmmhg, reading.limit_dmmhg) == (1700, 1700)
        assert (reading.energised, reading.faults, reading.nonce) == (True, DeviceFault.NONE, NONCE)
        assert 0 <= inflated.now - reading.arrived_ms <= CORE_TURN_MS

    def test_the_device_s_faults_are_read_and_cleared(self, inflated: Wire) -> None:
        inflated.to_device = nothing
        inflated.run(1_500)
        assert inflated.gate.reading is not None
        assert inflated.gate.reading.faults == DeviceFault.GATEWAY_LOST
        inflated.to_device = as_it_is
        inflated.deny()
        inflated.press()
        inflated.gate.clear_faults()
        inflated.run(200)
        assert inflated.gate.reading.faults == DeviceFault.NONE

    def test_the_device_s_faults_stay_until_somebody_pressed_the_button(self, inflated: Wire) -> None:
        inflated.to_device = nothing
        inflated.run(1_500)
        inflated.to_device = as_it_is
        inflated.deny()
        for faults in (DeviceFault.GATEWAY_LOST, DeviceFault.NONE):
            inflated.gate.clear_faults()
            inflated.run(200)
            assert inflated.gate.reading is not None
            assert inflated.gate.reading.faults == faults
            inflated.press()

    def test_the_self_test_s_result_is_that_of_the_device(self, wire: Wire) -> None:
        wire.gate.start_self_test()
        assert wire.gate.self_test is None
        wire.run(200)
        assert wire.gate.self_test is not None
        assert wire.gate.self_test.result == messages.OK

    def test_the_loudest_priority_is_sounded(self, wire: Wire) -> None:
        for loudest, expected in (
            (Priority.LOW, messages.LOW),
            (Priority.MEDIUM, messages.MEDIUM),
            (Priority.HIGH, messages.HIGH),
            (None, messages.SILENT),
        ):
            wire.gate.announce(loudest)
            wire.run(100)
            assert wire.controller.core.priority == expected


def _was_left_alone(wire: Wire) -> None:
    assert not wire.gate.accepted
    assert wire.leases() == []
    assert not wire.board.dump_closed


def _without(code: int) -> Pipe:
    """A wire on which packets of this code get lost."""

    def pipe(data: bytes) -> bytes:
        return b"" if code in [packet.code for packet in ecp.Decoder().feed(data)] else data

    return pipe
