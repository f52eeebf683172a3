"""Time above 15 mmHg when samples are missing: never less than with all of them."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from gateway.model import Limb
from gateway.record.exposure import CONTROLLER_VENTS_MS, FRAME_LONGEST_MS, Frame, Owner, PressureTime
from gateway.record.timeline import Instant

FRAME_MS = 50
OWNER = Owner("s-1", Limb.LEFT_THIGH, True)
HIGH, LOW = 1700, 0

inflations = st.lists(
    st.tuples(
        st.integers(1, 40),  # frames of rest
        st.integers(0, 4),  # frames from the command until the cuff is above
        st.integers(1, 60),  # frames above
    ),
    min_size=1,
    max_size=5,
)


class Course:
    """What happened to a limb, frame by frame, with the rows that events leave."""

    def __init__(self, given_: list[tuple[int, int, int]]) -> None:
        self.frames: list[Frame] = []
        self.commands: list[int] = []
        self.emptied: list[int] = []
        for rest, rise, above in given_:
            self._add(LOW, rest)
            self.commands.append(self.now_ms)
            self._add(LOW, rise)
            self._add(HIGH, above)
            self._add(LOW, 1)
            self.emptied.append(self.now_ms)
        self._add(LOW, 40)

    @property
    def now_ms(self) -> int:
        return FRAME_MS * len(self.frames)

    def _add(self, dmmhg: int, frames: int) -> None:
        for _ in range(frames):
            self.frames.append((self.now_ms + FRAME_MS, dmmhg, dmmhg))

    def told(self, dropped: set[int], second_ms: int, until_ms: int | None = None) -> PressureTime:
        """The fold of this course: events at once, samples once a second, some of them lost."""
        end_ms = self.now_ms if until_ms is None else until_ms
        events = sorted(
            [(at_ms, True) for at_ms in self.commands] + [(at_ms, False) for at_ms in self.emptied]
        )
        fold = PressureTime(OWNER)
        written = 0
        for row_ms in [*range(second_ms, end_ms, second_ms), end_ms]:
            for at_ms, began in events:
                if row_ms - second_ms < at_ms <= row_ms:
                    if began:
                        fold.inflation_began(OWNER, Instant(0, at_ms))
                    else:
                        fold.cuff_empty(Instant(0, at_ms))
            events = [one for one in events if one[0] > row_ms]
            count = row_ms // FRAME_MS
            fold.cuff_frames(
                0, [self.frames[number] for number in range(written, count) if number not in dropped]
            )
            written = count
        return fold

    def above_ms(self, until_ms: int) -> int:
        """The truth at the resolution of a frame: either end above."""
        high = [False, *(dmmhg == HIGH for at_ms, dmmhg, _ in self.frames if at_ms <= until_ms)]
        return sum(FRAME_MS for before, after in pairwise(high) if before or after)


def borne_ms(fold: PressureTime, at: Instant) -> int:
    return sum(span.above_ms for span in fold.spans(at))


@given(inflations, st.integers(1, 30))
def test_with_all_samples_it_is_the_truth(given_: list[tuple[int, int, int]], row_frames: int) -> None:
    course = Course(given_)
    fold = course.told(set(), row_frames * FRAME_MS)
    assert borne_ms(fold, Instant(0, course.now_ms)) == course.above_ms(course.now_ms)
    assert all(span.above_ms <= span.ended_ms - span.began_ms for span in fold.spans(Instant(0, 0)))


@given(inflations, st.sets(st.integers(0, 500)), st.integers(1, 30))
def test_a_lost_sample_never_makes_it_less(
    given_: list[tuple[int, int, int]], dropped: set[int], row_frames: int
) -> None:
    course = Course(given_)
    fold = course.told(dropped, row_frames * FRAME_MS)
    assert borne_ms(fold, Instant(0, course.now_ms)) >= course.above_ms(course.now_ms)


@given(inflations, st.integers(1, 30))
def test_without_any_sample_the_events_bound_it(given_: list[tuple[int, int, int]], row_frames: int) -> None:
    course = Course(given_)
    fold = course.told(set(range(len(course.frames))), row_frames * FRAME_MS)
    commanded_ms = sum(
        empty - command for command, empty in zip(course.commands, course.emptied, strict=True)
    )
    assert borne_ms(fold, Instant(0, course.now_ms)) == commanded_ms >= course.above_ms(course.now_ms)


@given(inflations, st.data())
def test_what_was_seen_when_the_record_stopped_grows_by_what_cannot_be_seen(
    given_: list[tuple[int, int, int]], data: st.DataObject
) -> None:
    course = Course(given_)
    died_ms = FRAME_MS * data.draw(st.integers(1, len(course.frames)))
    under_way = any(
        command <= died_ms < empty for command, empty in zip(course.commands, course.emptied, strict=True)
    )
    seen_ms = course.above_ms(died_ms)
    fold = course.told(set(), FRAME_MS, died_ms)
    later = borne_ms(fold, Instant(0, died_ms + 3_600_000))
    on_another_boot = borne_ms(fold, Instant(1, 5))
    assert later == on_another_boot
    if under_way:
        assert seen_ms < later <= seen_ms + CONTROLLER_VENTS_MS
        assert borne_ms(fold, Instant(0, died_ms + 70)) - borne_ms(fold, Instant(0, died_ms)) == 70
    else:
        assert later == seen_ms


def test_pressure_after_a_gap_that_nothing_explains_is_one_frame_old() -> None:
    for apart_ms, counted_ms in ((FRAME_LONGEST_MS, FRAME_LONGEST_MS), (60_000, FRAME_LONGEST_MS)):
        fold = PressureTime(OWNER)
        fold.cuff_frames(0, [(1_000, LOW, LOW), (1_000 + apart_ms, HIGH, HIGH)])
        assert borne_ms(fold, Instant(0, 1_000 + apart_ms)) == counted_ms
