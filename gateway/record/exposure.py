"""How long a limb was above 15 mmHg: by the samples, and by the worst that can have been where none are.

Theory of operation
-------------------
``PressureTime`` is told, in the journal's order, who lies under the cuff, when inflations began, when the
cuff was empty after them, and every cuff sample.  It adds up *spans*: time above 15 mmHg of one owner
within one boot of the machine.

- Between two samples that follow each other as status frames do, the limb was above 15 mmHg if either
  sample was: the rule of the ischaemia debt.
- A longer gap counts while an inflation was under way or the last sample before it was above: until a
  row says that the cuff was empty, or until the next sample, but without such a row no longer than the
  330 s after which the controller vents by itself.  This is what a kill or a power loss leaves behind.
- A sample above 15 mmHg after a gap that nothing explains counts as one frame: pressing has just begun.

Samples are written up to a second after the events between them, so inflations wait in a queue until
the samples have passed them.  The time that the samples have not reached yet is a gap like any other;
it is added to an answer (``spans``), not to the fold.

Units: ms; 0.1 mmHg.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from gateway.model import Limb
from gateway.record.timeline import Instant

DEFLATED_DMMHG = 150
"""``deflated_dmmhg`` of the supervisor's limits, which this room cannot import; a test compares them."""
CONTROLLER_VENTS_MS = 330_000
"""``debt_vent_ms`` of the controller's limits: the most that it lets an inflation last."""
FRAME_LONGEST_MS = 99
"""Less than two status frames of the controller: when one is lost, that is a gap (engineering proposal)."""


class Owner(NamedTuple):
    """Who bears the pressure, and on which of the limb's two budgets it goes."""

    session: str
    limb: Limb
    therapy: bool


@dataclass(slots=True)
class Span:
    """Time above 15 mmHg between two instants of one boot of the machine."""

    owner: Owner
    segment: int
    began_ms: int
    ended_ms: int
    above_ms: int

    @property
    def began(self) -> Instant:
        """When the limb was first above."""
        return Instant(self.segment, self.began_ms)

    @property
    def ended(self) -> Instant:
        """When it was last above."""
        return Instant(self.segment, self.ended_ms)


@dataclass(slots=True)
class _Inflation:
    """``empty_ms`` is when a row said that the cuff was empty again, ``None`` while none has."""

    owner: Owner
    began_ms: int
    empty_ms: int | None = None
    span: Span | None = None

    def is_over(self, at_ms: int, above: bool) -> bool:
        """Whether a sample at this instant shows that it is: the row's own, or one that is below again."""
        if self.began_ms > at_ms:
            return False
        said = self.empty_ms is not None and self.empty_ms <= at_ms
        return said or (self.span is not None and not above)


class _Piece(NamedTuple):
    """Some time above 15 mmHg without a break; ``inflation`` is ``None`` for pressure outside of any."""

    inflation: _Inflation | None
    since_ms: int
    above_ms: int


Frame = tuple[int, int | None, int | None]
"""The time and both sensors of one status frame, in ms and 0.1 mmHg."""


@dataclass(slots=True)
class PressureTime:
    """The fold. ``owner`` is who lies under the cuff now, ``None`` while nobody is known to.

    What is open lies in one segment of the timeline, so its times are plain milliseconds.
    """

    owner: Owner | None = None
    _spans: list[Span] = field(default_factory=list)
    _segment: int | None = None
    _waiting: list[_Inflation] = field(default_factory=list)
    _last_ms: int | None = None
    _last_above: bool = False
    _loose: Span | None = None

    @property
    def is_idle(self) -> bool:
        """Whether samples can tell nothing: nobody is under the cuff, and nothing is open."""
        return self.owner is None and not self._waiting and not self._last_above

    def lies_under_cuff(self, owner: Owner | None) -> None:
        """From now on pressure is borne by this owner, or by nobody that we know."""
        self.owner, self._loose = owner, None

    def inflation_began(self, owner: Owner, at: Instant) -> None:
        """An inflation was commanded; pressure that follows it goes on the same budget."""
        self._enter(at.segment)
        self.owner = owner
        self._waiting.append(_Inflation(owner, at.mono_ms))

    def cuff_empty(self, at: Instant) -> None:
        """A row says that the cuff was empty after its vent."""
        newest = self._waiting[-1] if self._waiting else None
        if newest is not None and newest.empty_ms is None and self._segment == at.segment:
            newest.empty_ms = at.mono_ms

    def cuff_frames(self, segment: int, frames: list[Frame]) -> None:
        """Status frames in their order; one that is not newer than the last tells nothing."""
        self._enter(segment)
        for at_ms, control_dmmhg, limit_dmmhg in frames:
            if self._last_ms is None or at_ms > self._last_ms:
                self._frame(at_ms, self._is_above(control_dmmhg, limit_dmmhg, at_ms))

    def spans(self, now: Instant) -> list[Span]:
        """Copies of all spans, with what can have been since the last sample."""
        kept = [replace(one) for one in self._spans]
        if self._segment is None:
            return kept
        unseen = self._unseen(now.mono_ms if self._segment == now.segment else None)
        return kept + [span for span in map(self._span_of, unseen) if span is not None]

    # gaps

    def _enter(self, segment: int) -> None:
        """Close what is open in another segment: nothing will show any more how it ended."""
        if self._segment not in (None, segment):
            for piece in self._unseen(None):
                self._add(piece)
            self._waiting, self._loose = [], None
            self._last_ms, self._last_above = None, False
        self._segment = segment

    def _unseen(self, until_ms: int | None) -> list[_Piece]:
        """The time above 15 mmHg since the last sample, until then, or until nobody knows when."""
        pieces = [*self._unseen_outside(until_ms), *self._unseen_inflations(until_ms)]
        return [piece for piece in pieces if piece.above_ms > 0]

    def _unseen_outside(self, until_ms: int | None) -> Iterator[_Piece]:
        """Pressure that the last sample showed and no inflation explains."""
        since_ms = self._last_ms
        if since_ms is not None and self._last_above and self._under_way(since_ms) is None:
            stop_ms = self._waiting[0].began_ms if self._waiting else until_ms
            yield _Piece(None, since_ms, _most_ms(self._loose, since_ms, stop_ms))

    def _unseen_inflations(self, until_ms: int | None) -> Iterator[_Piece]:
        """Each inflation lasted until the next one at most: none begins before the cuff is empty."""
        for number, inflation in enumerate(self._waiting, start=1):
            ends_ms = [one.began_ms for one in self._waiting[number : number + 1]]
            stop_ms = min(ends_ms if until_ms is None else [*ends_ms, until_ms], default=None)
            since_ms = max(inflation.began_ms, self._last_ms or 0)
            if inflation.empty_ms is not None:
                end_ms = inflation.empty_ms if stop_ms is None else min(inflation.empty_ms, stop_ms)
                yield _Piece(inflation, since_ms, end_ms - since_ms)
            else:
                yield _Piece(inflation, since_ms, _most_ms(inflation.span, since_ms, stop_ms))

    def _under_way(self, at_ms: int) -> _Inflation | None:
        """The newest inflation that had begun and is not known to be over."""
        for inflation in reversed(self._waiting):
            if inflation.began_ms <= at_ms:
                return inflation
        return None

    # adding

    def _is_above(self, control_dmmhg: int | None, limit_dmmhg: int | None, at_ms: int) -> bool:
        """A missing sensor counts as above while an inflation is under way."""
        if control_dmmhg is not None and control_dmmhg > DEFLATED_DMMHG:
            return True
        if limit_dmmhg is not None and limit_dmmhg > DEFLATED_DMMHG:
            return True
        return (control_dmmhg is None or limit_dmmhg is None) and self._under_way(at_ms) is not None

    def _frame(self, at_ms: int, above: bool) -> None:
        if self._last_ms is None or at_ms - self._last_ms > FRAME_LONGEST_MS:
            self._close_gap(at_ms, above)
        elif above or self._last_above:
            self._add(_Piece(self._under_way(at_ms), self._last_ms, at_ms - self._last_ms))
        if self._waiting:
            self._waiting = [one for one in self._waiting if not one.is_over(at_ms, above)]
        self._last_ms, self._last_above = at_ms, above
        if not above:
            self._loose = None

    def _close_gap(self, at_ms: int, above: bool) -> None:
        covered_ms = at_ms - FRAME_LONGEST_MS
        for piece in self._unseen(at_ms):
            self._add(piece)
            covered_ms = max(covered_ms, piece.since_ms + piece.above_ms)
        if above and covered_ms < at_ms:
            self._add(_Piece(self._under_way(at_ms), covered_ms, at_ms - covered_ms))

    def _add(self, piece: _Piece) -> None:
        """Put it into the span of its inflation, or of the loose pressure that goes on."""
        span = piece.inflation.span if piece.inflation else self._loose
        if span is not None:
            span.ended_ms = piece.since_ms + piece.above_ms
            span.above_ms += piece.above_ms
            return
        added = self._span_of(piece)
        if added is None:
            return
        self._spans.append(added)
        if piece.inflation:
            piece.inflation.span = added
        else:
            self._loose = added

    def _span_of(self, piece: _Piece) -> Span | None:
        """The piece as a span of its own; ``None`` when nobody lay under the cuff."""
        owner = piece.inflation.owner if piece.inflation else self.owner
        if owner is None or self._segment is None:
            return None
        return Span(owner, self._segment, piece.since_ms, piece.since_ms + piece.above_ms, piece.above_ms)


def _most_ms(span: Span | None, since_ms: int, stop_ms: int | None) -> int:
    """How long the controller can have let it last, when nothing says that it was over before."""
    most_ms = CONTROLLER_VENTS_MS - (span.above_ms if span else 0)
    return most_ms if stop_ms is None else min(most_ms, stop_ms - since_ms)
