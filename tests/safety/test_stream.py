"""The stream of the controller's statuses: how rare, how gappy, how damaged, how late it may be."""

from dataclasses import replace

import pytest

from gateway.model import Permit, Reason, StatusStream
from gateway.safety.stream import REFERENCE_MS
from tests.safety.bedside import Bedside


class Wire(Bedside):
    """A bedside in a hold, whose stream a test counts by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.run(3_000)
        self.counted = StatusStream(1_000, 40, 30)
        self.stream = self.counted
        self.step()
        self.hold(planned_ms=250_000)
        self.receive()

    def receive(self, after_ms: int = 50, received: int = 1, **more: int) -> Reason | None:
        """One step with so many statuses since the last one; what has latched."""
        known = self.counted
        self.counted = StatusStream(
            known.received + received,
            known.missed + more.pop("missed", 0),
            known.damaged + more.pop("damaged", 0),
        )
        self.stream = self.counted
        return self.step(after_ms).latched


# minimum rate


def test_a_status_every_200_ms_is_enough_for_ever() -> None:
    wire = Wire()
    for _ in range(500):
        assert wire.receive(200) is None


def test_a_little_less_than_that_is_too_rare_once_a_second_is_owed() -> None:
    wire = Wire()
    reasons = [wire.receive(250) for _ in range(22)]
    assert reasons.index(Reason.STATUS_TOO_RARE) == 20  # each owes 50 ms; more than 1000 ms is too much


def test_one_second_owed_is_allowed_and_a_millisecond_more_is_not() -> None:
    wire = Wire()
    for _ in range(10):
        assert wire.receive(100, received=0) is None
    assert wire.receive(1, received=0) is Reason.STATUS_TOO_RARE


def test_a_sound_stream_pays_off_what_was_owed_and_saves_nothing() -> None:
    wire = Wire()
    for _ in range(9):
        assert wire.receive(100, received=0) is None
    for _ in range(100):
        assert wire.receive(50) is None
    for _ in range(10):
        assert wire.receive(100, received=0) is None
    assert wire.receive(1, received=0) is Reason.STATUS_TOO_RARE


# counter


def test_ten_missed_at_once_are_allowed_and_one_more_is_not() -> None:
    wire = Wire()
    assert wire.receive(missed=10) is None
    assert wire.receive(missed=1) is Reason.STATUS_MISSING


def test_half_of_the_statuses_may_go_astray_for_ever_and_more_may_not() -> None:
    wire = Wire()
    for _ in range(300):
        assert wire.receive(100, missed=1) is None
    reasons = [wire.receive(90, missed=1) for _ in range(110)]
    assert reasons.index(Reason.STATUS_MISSING) == 90  # from 100 on, each weighs 10 more than its time


# checksum errors


def test_ten_damaged_frames_at_once_are_allowed_and_one_more_is_not() -> None:
    wire = Wire()
    assert wire.receive(damaged=10) is None
    assert wire.receive(damaged=1) is Reason.STATUS_DAMAGED


def test_two_damaged_frames_a_second_are_allowed_for_ever_and_more_are_not() -> None:
    wire = Wire()
    for _ in range(100):
        assert wire.receive(450, received=9, damaged=0) is None
        assert wire.receive(50, damaged=1) is None
    reasons = [wire.receive(400, received=8, damaged=1) for _ in range(60)]
    assert reasons.index(Reason.STATUS_DAMAGED) == 45  # from 500 on, each weighs 100 more than its time


# the device's clock against the arrival


def test_half_a_second_late_is_allowed_and_a_millisecond_more_is_not_for_200_ms() -> None:
    wire = Wire()
    wire.delay_ms = 500
    for _ in range(40):
        assert wire.receive() is None
    wire.delay_ms = 501
    wire.receive()
    assert wire.receive(199) is None
    assert wire.receive(1) is Reason.DEVICE_CLOCK


def test_a_backlog_that_is_read_in_one_go_is_not_late() -> None:
    wire = Wire()
    for _ in range(6):
        for wire.delay_ms in (800, 700, 600):
            assert wire.receive(0) is None
        wire.delay_ms = 0
        assert wire.receive(190) is None


def test_a_device_clock_that_stands_still_is_noticed() -> None:
    wire = Wire()
    stands_ms = wire.now
    reasons = []
    for _ in range(20):
        wire.delay_ms = wire.now + 50 - stands_ms
        reasons.append(wire.receive())
    assert reasons.index(Reason.DEVICE_CLOCK) == 14  # late from 550 ms on, for 200 ms


@pytest.mark.parametrize(("ahead_ms", "reason"), [(500, None), (501, Reason.DEVICE_CLOCK)])
def test_a_stamp_from_the_future_is_noticed_at_once(ahead_ms: int, reason: Reason | None) -> None:
    wire = Wire()
    wire.delay_ms = -ahead_ms
    assert wire.receive() is reason


def test_stamps_wrap() -> None:
    bed = Bedside()
    bed.delay_ms = bed.now - 2**32 + 4_000
    bed.run(3_000)
    bed.hold(planned_ms=60_000)
    for _ in range(100):
        assert bed.step().latched is None


def test_the_least_delay_before_use_counts_as_none() -> None:
    bed = Bedside()
    bed.delay_ms = 40
    bed.run(3_000)
    bed.delay_ms = 0
    bed.step()
    bed.delay_ms = 300
    bed.run(REFERENCE_MS - 100)
    bed.hold(planned_ms=60_000)
    bed.delay_ms = 501
    bed.run(200)
    assert bed.step().latched is Reason.DEVICE_CLOCK


def test_a_clock_that_was_set_before_use_is_forgotten_two_seconds_later() -> None:
    bed = Bedside()
    bed.run(3_000)
    bed.delay_ms = 60_000
    bed.run(2 * REFERENCE_MS)
    bed.hold(planned_ms=60_000)
    assert bed.run(2_000).latched is None


# when it is judged


def test_nothing_of_it_is_judged_while_nothing_is_energised() -> None:
    bed = Bedside()
    bed.step()
    bed.stream = replace(bed.cuff.stream, missed=1_000, damaged=1_000)  # type: ignore[type-var]
    bed.delay_ms = 5_000
    assert bed.run(10_000).latched is None
    bed.stream = None
    assert bed.step().latched is None


def test_each_use_begins_anew() -> None:
    wire = Wire()
    assert wire.receive(missed=10, damaged=10) is None
    wire.wishes = ()
    wire.read(0)
    wire.receive()
    assert wire.receive() is None
    wire.hold(planned_ms=60_000)
    assert wire.receive(missed=10, damaged=10) is None


@pytest.mark.parametrize(
    "fallen", [StatusStream(5, 60, 40), StatusStream(2_000, 0, 40), StatusStream(2_000, 60, 0)]
)
def test_counts_that_fall_are_those_of_another_port(fallen: StatusStream) -> None:
    wire = Wire()
    assert wire.receive(missed=10, damaged=10) is None
    wire.counted = fallen
    assert wire.receive() is None
    assert wire.receive(missed=10, damaged=10) is None
    assert wire.receive(missed=2, damaged=2) is not None


def test_a_reading_without_counts_is_not_judged() -> None:
    wire = Wire()
    wire.silent = True
    wire.cuff = replace(wire.cuff, arrived_ms=wire.now + 50, device_ms=0, stream=None)
    assert wire.step().latched is None
    assert wire.state.stream is None


def test_another_device_has_another_clock() -> None:
    wire = Wire()
    wire.read(0, nonce=8)
    wire.delay_ms = -100_000
    assert wire.receive() is Reason.DEVICE_RESET


def test_a_sound_stream_permits() -> None:
    wire = Wire()
    wire.receive()
    assert isinstance(wire.verdict.cuff, Permit)
