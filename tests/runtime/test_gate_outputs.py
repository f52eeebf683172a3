"""The gate against the real firmware: limbs, the relay, what people press, the sign of life."""

from itertools import pairwise

import pytest

from firmware_bridge import cuff as messages
from gateway.model import Limb, Priority
from gateway.runtime.gate import ANNOUNCE_MS, RENEW_MS, Gate
from tests.drivers.cuff_bench import nothing
from tests.runtime.gate_bench import CEILING_DMMHG, PERMIT_MS, Wire, accepted, inflating


@pytest.fixture
def wire() -> Wire:
    """A gate that has accepted its controller."""
    return accepted()


@pytest.fixture
def inflated() -> Wire:
    """And an inflation under way."""
    return inflating()


class TestReadings:
    def test_limbs_and_presses_are_read(self, wire: Wire) -> None:
        assert wire.gate.reading is not None
        assert wire.gate.reading.presses == 1
        assert not wire.gate.reading.working
        wire.limb = Limb.RIGHT_UPPER_ARM
        wire.allow()
        wire.run(100)
        wire.controller.core.debt.debts_ms = [400, 300, 200, 100]
        wire.run(60)
        reading = wire.gate.reading
        assert reading.limb_debts_ms[:3] == (400, 300, 200)
        assert reading.debt_ms == reading.limb_debts_ms[3] > 100
        assert reading.debt_of_ms(Limb.RIGHT_UPPER_ARM) == reading.debt_ms
        assert not reading.relay_closed

    def test_before_any_lease_the_largest_debt_is_read(self, wire: Wire) -> None:
        wire.controller.core.debt.debts_ms = [400, 9_300, 200, 100]
        wire.run(60)
        assert wire.gate.reading is not None
        assert wire.gate.reading.debt_ms == max(wire.gate.reading.limb_debts_ms) > 9_000

    def test_pump_and_valve_at_work_are_read(self, wire: Wire) -> None:
        wire.board.lag_dmmhg = 1_000
        wire.allow()
        wire.run(200)
        assert wire.gate.reading is not None
        assert wire.gate.reading.working
        wire.board.lag_dmmhg = 0
        wire.run(400)
        assert not wire.gate.reading.working

    def test_a_press_is_read_before_the_refusal_that_follows_from_it(self, inflated: Wire) -> None:
        inflated.board.pressed = True
        give_up_ms = inflated.now + 1_000
        while not inflated.gate.lease_refused and inflated.now < give_up_ms:
            assert inflated.gate.reading is not None
            pressed = inflated.gate.reading.presses
            inflated.turn()
        assert pressed == 2
        assert inflated.gate.lease_result == messages.NO_PRESENCE
        assert not inflated.board.dump_closed

    def test_a_patient_s_stop_is_read(self, inflated: Wire) -> None:
        inflated.board.patient_pressed = True
        inflated.run(40)
        assert inflated.gate.reading is not None
        assert (inflated.gate.reading.patient_stop, inflated.gate.reading.energised) == (True, False)
        assert inflated.gate.reading.presses == 1


class TestLimbs:
    @pytest.mark.parametrize("limb", Limb)
    def test_a_lease_names_the_limb_that_the_session_is_for(self, wire: Wire, limb: Limb) -> None:
        wire.limb = limb
        wire.allow()
        wire.run(300)
        assert {lease.limb for lease in wire.leases()} == {limb.number}
        assert wire.controller.core.debt.limb == limb.number
        assert wire.board.dump_closed

    def test_another_limb_in_the_middle_is_refused_and_vents(self, inflated: Wire) -> None:
        inflated.limb = Limb.RIGHT_THIGH
        inflated.run(300)
        assert not inflated.board.dump_closed
        assert inflated.gate.lease_refused
        assert inflated.gate.lease_result in (messages.WRONG_LIMB, messages.LIMB_TOO_SOON)


class TestRelay:
    def test_it_is_leased_and_renewed_every_200_ms(self, wire: Wire) -> None:
        wire.stimulating = True
        wire.run(3_000)
        assert wire.board.relay_closed
        times = wire.times(messages.RELAY)
        assert {later - at for at, later in pairwise(times)} == {RENEW_MS}
        found = [messages.decode_relay_request(packet) for _, packet in wire.sent]
        assert {request.duration_ms for request in found if request is not None} == {PERMIT_MS}
        assert wire.gate.reading is not None
        assert wire.gate.reading.relay_closed
        assert not wire.board.dump_closed

    def test_it_is_opened_in_the_next_bytes(self, wire: Wire) -> None:
        wire.stimulating = True
        wire.run(500)
        wire.gate.open_relay()
        assert wire.speak()[0] == messages.RELAY_OPEN
        assert not wire.board.relay_closed

    def test_it_opens_by_itself_when_nobody_renews(self, wire: Wire) -> None:
        wire.stimulating = True
        wire.run(500)
        wire.to_device = nothing
        wire.run(PERMIT_MS + 20)
        assert not wire.board.relay_closed

    def test_an_open_relay_is_left_alone(self, wire: Wire) -> None:
        wire.run(2_000)
        assert wire.sent == []

    def test_a_relay_found_closed_is_opened(self, wire: Wire) -> None:
        wire.stimulating = True
        wire.run(500)
        fresh = Gate(expected_limits_crc=0, expected_serial="", ceiling_dmmhg=CEILING_DMMHG)
        fresh.connected(wire.now)
        wire.gate = fresh
        wire.stimulating = False
        wire.run(200)
        assert not wire.board.relay_closed
        assert not wire.controller.core.interlock.faults

    def test_a_device_that_is_not_accepted_gets_no_relay_lease(self) -> None:
        wire = Wire(serial="RV-2")
        wire.stimulating = True
        wire.run(2_000)
        assert wire.times(messages.RELAY) == []

    def test_a_refusal_is_kept_apart_from_the_cuff_s(self, wire: Wire) -> None:
        wire.controller.core.presence.take_away()
        wire.stimulating = True
        wire.run(300)
        assert (wire.gate.relay_refused, wire.gate.relay_result) == (True, messages.NO_PRESENCE)
        assert (wire.gate.lease_refused, wire.gate.lease_result) == (False, messages.OK)


class TestSignOfLife:
    def test_what_sounds_is_said_again_so_that_an_idle_gateway_is_not_missed(self, wire: Wire) -> None:
        wire.announcing = True
        wire.run(20_000)
        said = wire.times(messages.ANNUNCIATE)
        assert len(said) == 20_000 // ANNOUNCE_MS
        assert {later - at for at, later in pairwise(said)} == {ANNOUNCE_MS}
        assert not wire.controller.core.buzzing

    def test_a_gateway_that_says_nothing_is_missed(self, wire: Wire) -> None:
        wire.announcing = True
        wire.run(5_000)
        wire.to_device = nothing
        wire.run(5_000)
        sounded = False
        for _ in range(100):
            wire.turn()
            sounded = sounded or wire.controller.core.buzzing
        assert sounded
        assert wire.controller.core.interlock.faults == 0

    def test_a_change_is_said_at_once(self, wire: Wire) -> None:
        wire.announcing = True
        wire.run(500)
        wire.loudest = Priority.HIGH
        wire.run(60)
        assert wire.controller.core.priority == messages.HIGH
