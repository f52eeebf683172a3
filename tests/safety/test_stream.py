"""The stream of the controller's statuses: how rare, how gappy, how damaged, how late it may be."""

from dataclasses import replace

import pytest

from gateway.model import Permit, Reason, StatusStream
from gateway.safety import stream
from gateway.safety.limits import HARD
from gateway.safety.stream import REFERENCE_MS, StreamState
from tests.safety.bedside import START_MS, Bedside
from tests.safety.test_stimulation import Stimulated


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


def test_the_first_status_of_a_use_is_owed_from_nothing() -> None:
    bed = Bedside()
    bed.inflate()
    bed.stream = bed.cuff.stream
    assert bed.step(500).latched is None
    assert bed.step(500).latched is None
    assert bed.step(1).latched is Reason.STATUS_TOO_RARE


# counter


def test_ten_missed_at_once_are_allowed_and_one_more_is_not() -> None:
    wire = Wire()
    assert wire.receive(missed=10) is None
    assert wire.receive(missed=1) is Reason.STATUS_MISSING


@pytest.mark.parametrize(("after_ms", "reason"), [(100, None), (99, Reason.STATUS_MISSING)])
def test_each_one_missed_is_forgiven_after_100_ms(after_ms: int, reason: Reason | None) -> None:
    wire = Wire()
    assert wire.receive(missed=10) is None
    assert wire.receive(after_ms, missed=1) is reason


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


@pytest.mark.parametrize(("after_ms", "reason"), [(500, None), (499, Reason.STATUS_DAMAGED)])
def test_each_damaged_frame_is_forgiven_after_500_ms(after_ms: int, reason: Reason | None) -> None:
    wire = Wire()
    assert wire.receive(damaged=10) is None
    assert wire.receive(after_ms, damaged=1) is reason


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


@pytest.mark.parametrize(("late_ms", "reason"), [(2**31 - 1, None), (2**31, Reason.DEVICE_CLOCK)])
def test_what_is_half_the_range_away_is_of_the_future(late_ms: int, reason: Reason | None) -> None:
    wire = Wire()
    wire.delay_ms = late_ms
    assert wire.receive() is reason  # one that is late would have 200 ms


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


def after_idling(clock_ms: int, *arrivals: tuple[int, int]) -> StreamState:
    """The stream after statuses of a cuff that is not in use; each is when it came, and how late."""
    state, cuff = None, Bedside().cuff
    for received, (at_ms, late_ms) in enumerate(arrivals):
        now = START_MS + at_ms
        sent = replace(
            cuff,
            arrived_ms=now,
            device_ms=(now - late_ms + clock_ms) % 2**32,
            stream=StatusStream(received, 0, 0),
        )
        state = stream.follow(HARD, state, sent, 50, now, used=False)
    assert state is not None
    return state


@pytest.mark.parametrize("clock_ms", [0, 150, 150 - 2**30, 150 - 2**31])
@pytest.mark.parametrize(
    ("arrivals", "later_ms"),
    [
        ([(0, 40), (50, 300)], 260),
        ([(0, 300), (50, 40)], 0),
        ([(0, 40), (50, 41)], 1),
        ([(0, 41), (50, 40)], 0),
        # the second that has begun, and the one before
        ([(0, 40), (999, 300), (1_998, 300)], 260),
        ([(0, 40), (1_000, 300), (1_999, 300)], 260),
        ([(0, 40), (1_000, 300), (2_000, 300)], 0),
        # several in one instant are of one second
        ([(0, 40), (0, 300), (0, 300)], 260),
        # a clock that runs back begins another second
        ([(0, 40), (-1, 300), (-2, 300)], 0),
    ],
)
def test_the_delay_of_the_newest_is_beside_the_least_of_this_second_and_the_one_before(
    clock_ms: int, arrivals: list[tuple[int, int]], later_ms: int
) -> None:
    assert stream.delay_ms(after_idling(clock_ms, *arrivals)) == later_ms


# when it is judged


def test_a_stream_begins_with_nothing_owed() -> None:
    begun = after_idling(0, (0, 40))
    assert begun == StreamState(
        nonce=7,
        counts=StatusStream(0, 0, 0),
        offset=40,
        least=40,
        earlier=40,
        second_ms=START_MS,
        owed_ms=0,
        missed_ms=0,
        damaged_ms=0,
        late_ms=None,
    )


def test_it_is_judged_in_a_contraction_too() -> None:
    bed = Stimulated()
    assert bed.pulse(1_000) is None
    bed.stream = replace(bed.cuff.stream, missed=11)  # type: ignore[type-var]
    assert bed.pulse(1_000) is Reason.STATUS_MISSING


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


def test_a_device_that_was_exchanged_between_sessions_brings_its_own_clock() -> None:
    bed = Bedside()
    bed.disarm()
    bed.run(3_000)
    bed.read(0, nonce=8)
    bed.delay_ms = 60_000
    bed.step()
    bed.arm()
    bed.hold(planned_ms=60_000)
    assert bed.run(2_000).latched is None


def test_a_sound_stream_permits() -> None:
    wire = Wire()
    wire.receive()
    assert isinstance(wire.verdict.cuff, Permit)
