"""The two buttons at the bedside: presence, stops, bounces, stuck contacts. Runs on MicroPython too."""

from firmware_bridge import cuff
from firmware_bridge.mcu.presence import STEADY_STEPS, Presence
from tests.firmware_bridge.bench import Bench, energised, latched

STUCK_MS = 3000


def alone(debt_ms: int = 0) -> Bench:
    """A bench that nobody has pressed the button of, some steps after power-up."""
    bench = Bench(debt_ms=debt_ms, presence=False)
    bench.run(60)
    return bench


def both_energised() -> Bench:
    """Cuff and relay on, by one press."""
    bench = alone()
    bench.press()
    assert bench.lease() == cuff.OK
    assert bench.relay() == cuff.OK
    bench.step(10)
    assert bench.board.dump_closed
    assert bench.board.relay_closed
    return bench


def assert_stopped(bench: Bench) -> None:
    """Everything off, nothing latched, and nothing starts without another press."""
    assert bench.board.is_vented()
    assert not bench.board.relay_closed
    assert bench.core.interlock.faults == 0
    bench.run(60)
    assert not bench.status.presence
    assert bench.lease() == cuff.NO_PRESENCE
    assert bench.relay() == cuff.NO_PRESENCE


# --- presence ----------------------------------------------------------------------------------------


def test_nothing_starts_before_a_press() -> None:
    bench = alone()
    assert bench.lease() == cuff.NO_PRESENCE
    assert bench.relay() == cuff.NO_PRESENCE
    bench.step(10)
    assert bench.board.is_vented()
    assert not bench.board.relay_closed


def test_one_press_stands_for_a_session() -> None:
    bench = both_energised()
    for _ in range(3):
        bench.vent()
        bench.open_relay()
        bench.run(90000)
        assert bench.status.presence == 1
        assert bench.lease() == cuff.OK
        assert bench.relay() == cuff.OK


def test_presses_are_counted_modulo_256() -> None:
    bench = alone()
    for count in (1, 2, 3):
        bench.press()
        assert bench.status.presses == count
    bench.core.presence.presses = 255
    bench.press()
    assert bench.status.presses == 0


def test_a_reset_takes_presence_away() -> None:
    assert both_energised().status.presence == 1
    assert Bench(presence=False).core.presence.stands() is False


def test_a_latched_fault_takes_presence_away_and_a_press_brings_it_back() -> None:
    bench = latched()
    assert not bench.status.presence
    bench.press()
    assert bench.clear() == cuff.OK
    assert bench.lease() == cuff.OK


def test_a_second_fault_takes_it_away_again() -> None:
    bench = latched()
    bench.press()
    bench.board.both(3201)
    bench.step(10)
    bench.board.both(0)
    bench.step(10)
    assert not bench.core.presence.stands()
    assert bench.clear() == cuff.NO_PRESENCE
    assert bench.lease() == cuff.FAULTED


def test_a_fault_of_the_self_test_takes_it_away_too() -> None:
    bench = Bench()
    bench.press()
    bench.board.control = 31
    bench.ask(cuff.encode_self_test_request(bench.controller.identity.nonce))
    assert not bench.core.presence.stands()
    assert bench.clear() == cuff.NO_PRESENCE
    bench.press()
    assert bench.clear() == cuff.OK


# --- a press does not stand for ever -----------------------------------------------------------------


def test_a_press_lapses_when_nothing_was_energised_for_twenty_minutes() -> None:
    for rested_ms, result in ((1199990, cuff.OK), (1200000, cuff.NO_PRESENCE)):
        for ask in ("lease", "relay"):
            bench = alone()
            bench.press(30)  # seen in the last of its three steps, and 50 ms more have passed since
            bench.step(rested_ms - 50)
            assert bench.core.presence.stands() is (result == cuff.OK)
            assert getattr(bench, ask)() == result


def test_what_lapsed_comes_back_with_a_press_only() -> None:
    bench = alone()
    bench.press()
    bench.step(1200000)
    assert bench.lease() == cuff.NO_PRESENCE
    bench.run(100)
    assert bench.status.presence == 0
    bench.press()
    assert bench.status.presence == 1
    assert bench.lease() == cuff.OK


def test_four_times_five_minutes_and_the_longest_waits_between_them_need_one_press() -> None:
    presence = Presence()
    press(presence, 0)
    for cycle in range(4):
        for second in range(300 + 300 + 600):
            presence.step(False, False, second < 300, (cycle * 1200 + second) * 1000)
            assert presence.stands()


def test_what_is_energised_keeps_it_from_lapsing_until_the_end() -> None:
    presence = Presence()
    press(presence, 5000)
    presence.step(False, False, True, 1000000)
    presence.step(False, False, False, 2199999)
    assert presence.stands()
    presence.step(False, False, False, 2200000)
    assert not presence.stands()


def press(presence: Presence, now_ms: int) -> None:
    """A person presses the bedside button and lets it go, at one instant."""
    for button in (False, True, False):
        for _ in range(STEADY_STEPS):
            presence.step(button, False, False, now_ms)
    assert presence.stands()


# --- the cuff off every limb -------------------------------------------------------------------------


def test_a_test_off_every_limb_needs_a_press_of_the_last_minute_and_a_little() -> None:
    for waited_ms, result in ((70000, cuff.OK), (70010, cuff.NO_PRESENCE)):
        bench = alone()
        bench.press(30)
        bench.step(waited_ms - 50)
        assert bench.status.presence
        assert bench.lease(limb=cuff.NO_LIMB) == result
        assert bench.lease(limb=cuff.NO_LIMB) == result
        assert bench.core.is_energised() is (result == cuff.OK)


def test_a_test_that_runs_needs_no_other_press() -> None:
    bench = alone()
    bench.press()
    bench.step(69000)
    assert bench.lease(limb=cuff.NO_LIMB) == cuff.OK
    for _ in range(50):
        bench.run(100)
        assert bench.lease(limb=cuff.NO_LIMB) == cuff.OK


def test_a_recent_press_that_does_not_stand_starts_no_test() -> None:
    bench = both_energised()
    bench.press()
    assert_stopped(bench)
    assert bench.core.presence.is_recent(bench.now_ms)
    assert bench.lease(limb=cuff.NO_LIMB) == cuff.NO_PRESENCE


def test_on_a_limb_a_press_need_not_be_recent() -> None:
    bench = alone()
    bench.press()
    bench.step(100000)
    assert bench.lease(limb=0) == cuff.OK


# --- the bedside button stops ------------------------------------------------------------------------


def test_a_press_stops_everything_without_a_host() -> None:
    bench = both_energised()
    bench.board.pressed = True
    bench.run(20)
    assert bench.board.dump_closed
    bench.step(10)
    assert bench.board.is_vented()
    assert not bench.board.relay_closed
    bench.board.pressed = False
    assert_stopped(bench)
    assert bench.status.presses == 2


def test_a_press_stops_the_relay_alone_and_the_cuff_alone() -> None:
    for start in ("lease", "relay"):
        bench = Bench()
        assert getattr(bench, start)() == cuff.OK
        bench.step(10)
        bench.press()
        assert_stopped(bench)


def test_the_stop_is_told_at_once_before_a_renewal_is_refused_for_it() -> None:
    bench = both_energised()
    while bench.now_ms % 50:
        bench.step(10)
    told = len(bench.statuses)
    bench.board.pressed = True
    bench.run(30)
    assert len(bench.statuses) == told + 1
    assert bench.status.presses == 2
    assert not bench.status.actuators & (cuff.DUMP_CLOSED | cuff.RELAY_CLOSED)
    assert bench.lease() == cuff.NO_PRESENCE


def test_a_press_that_began_before_a_hosts_vent_is_a_stop() -> None:
    for steps_before_the_vent, stands in ((0, True), (1, False), (2, False)):
        bench = Bench()
        assert bench.lease() == cuff.OK
        bench.run(50)
        bench.board.pressed = True
        bench.run(10 * steps_before_the_vent)
        bench.vent()
        bench.run(50)
        bench.board.pressed = False
        bench.run(50)
        assert bench.core.presence.stands() is stands


def test_the_next_press_allows_again() -> None:
    bench = both_energised()
    bench.press()
    assert_stopped(bench)
    bench.press()
    assert bench.lease() == cuff.OK


def test_bounces_are_one_press_and_a_touch_is_none() -> None:
    bench = alone()
    for pressed in (1, 0, 1, 1, 0, 1, 1, 1, 0, 1, 0, 0, 1, 1, 1, 0, 0, 0):
        bench.board.pressed = bool(pressed)
        bench.step(10)
    bench.run(60)
    assert bench.status.presses == 1


def test_a_button_that_is_held_or_stuck_is_one_press_and_allows_nothing() -> None:
    bench = alone()
    bench.board.pressed = True
    bench.run(STUCK_MS)
    assert (bench.status.presses, bench.status.presence) == (1, 0)
    assert bench.status.actuators & cuff.BUTTON
    assert bench.lease() == cuff.NO_PRESENCE
    bench.board.pressed = False
    bench.run(50)
    assert (bench.status.presses, bench.status.presence) == (1, 1)
    assert bench.lease() == cuff.OK


def test_a_button_pressed_at_power_up_is_nothing_until_it_was_let_go() -> None:
    bench = Bench(presence=False)
    bench.board.pressed = True
    bench.run(STUCK_MS)
    assert bench.status.presses == 0
    bench.board.pressed = False
    bench.run(50)
    assert (bench.status.presses, bench.status.presence) == (0, 0)
    assert bench.lease() == cuff.NO_PRESENCE
    bench.press()
    assert bench.lease() == cuff.OK


def test_a_button_that_sticks_during_an_inflation_stops_it_once_and_for_good() -> None:
    bench = both_energised()
    bench.board.pressed = True
    bench.run(STUCK_MS)
    assert bench.status.presses == 2
    assert_stopped(bench)


# --- the patient's stop ------------------------------------------------------------------------------


def test_the_patient_stops_everything() -> None:
    bench = both_energised()
    bench.board.patient_pressed = True
    bench.run(20)
    assert bench.board.dump_closed
    bench.step(10)
    assert bench.status.actuators & cuff.PATIENT_STOP
    bench.board.patient_pressed = False
    assert_stopped(bench)
    assert bench.status.presses == 1


def test_the_patients_stop_is_told_until_somebody_pressed_the_bedside_button() -> None:
    bench = both_energised()
    bench.board.patient_pressed = True
    bench.run(40)
    bench.board.patient_pressed = False
    bench.run(STUCK_MS)
    assert bench.status.actuators & cuff.PATIENT_STOP
    bench.press()
    assert not bench.status.actuators & cuff.PATIENT_STOP
    assert bench.lease() == cuff.OK


def test_a_patients_stop_that_is_held_or_stuck_allows_nothing() -> None:
    bench = alone()
    bench.board.patient_pressed = True
    bench.run(STUCK_MS)
    bench.press()
    assert bench.status.actuators & cuff.PATIENT_STOP
    assert bench.lease() == cuff.NO_PRESENCE
    bench.board.patient_pressed = False
    bench.run(60)
    assert bench.lease() == cuff.NO_PRESENCE
    bench.press()
    assert bench.lease() == cuff.OK


def test_the_patients_stop_takes_presence_away_while_nothing_is_energised() -> None:
    bench = alone()
    bench.press()
    bench.board.patient_pressed = True
    bench.run(30)
    bench.board.patient_pressed = False
    bench.run(60)
    assert not bench.status.presence
    assert bench.lease() == cuff.NO_PRESENCE


def test_a_stop_is_heeded_in_the_step_that_sees_it() -> None:
    bench = energised()
    bench.board.both(1700)
    bench.run(100, renew=1700)
    bench.board.patient_pressed = True
    bench.run(30)
    assert bench.board.is_vented()
