"""The plan of stimulation in closed loop on what the muscle answers: a pure step machine.

Theory of operation
-------------------
An *answer* is what the prescription says: a force, or the evoked response (M-wave) to one pulse.  The
contractions are those of ``nmes``: when they begin, how long they last, what a person's press or word makes
of the current.  The loop decides what is between, on every sample of force or every response (``feel``):

- *within a contraction*, an answer above target and tolerance lowers the current at once, in proportion to
  what is too much; then the muscle has ``settle_ms`` to follow before the next change.  An answer below them
  raises what was lowered again, by at most 1 mA over its lowest and never above what the contraction began
  with;
- *from one contraction to the next*, the current rises by at most 1 mA, in proportion to what the highest
  answer missed of the target, and not at all where it was reached.

An answer that is more than its sensor can tell lowers the current by 1 mA (``exceed``).

Force counts above rest: the last sample before the contraction.  A response counts as it is: its rest is no
response.  One that comes after the contraction, of its last pulse, is late and counts for nothing.  A sensor
that is silent changes nothing: the current of this contraction stays, and the next one gets no more.

*Whether the muscle answered* is judged for the loop when a contraction is over (``response``), and nothing
rises before that is known.  A missing answer is a reason to raise only while it can be a current below the
motor threshold.  One that has disappeared is a lead, an electrode or a device: the current does not rise and
falls back to no more than what was last answered, for whoever mends the lead meets it.  After
``UNANSWERED_MOST`` contractions in a row without response, whatever the current, the loop is *held*: nothing
contracts, an alarm sounds, a person looks and stops; it may be resumed, through all gates of a start and from
1 mA.  A person's presses are the person's: each begins that count anew.  A sensor that is silent or frozen
raises nothing and is named.

The rules of rising are the supervisor's, which judges every wish of this plan as any other; here they only
keep the plan from wishing what would be refused.

Units: currents uA, times ms; forces mN, responses uV from peak to peak.  Source: engineering proposal (a step
of at most 1 mA a contraction, decrease at once); 30 to 100 ms of electromechanical delay are from memory, so
``settle_ms`` has no default.
"""

from typing import NamedTuple

from gateway.model import Output, Reason, StimulationIntent
from gateway.therapy import nmes
from gateway.therapy.nmes import LEAST_UA, RISE_UA, NmesPlan, Phase
from gateway.therapy.plan import Seen, Step, Word
from gateway.therapy.prescription import NmesLoopPrescription
from gateway.therapy.response import UNANSWERED_MOST, Judged, Sensor

_THOUSAND = 1_000


class NmesLoopPlan(NamedTuple):
    """``begun_ua``, ``least_ua``, ``lowered_ms`` are of the present contraction; ``most`` is its highest
    answer."""

    prescription: NmesLoopPrescription
    contractions: NmesPlan
    rest: int | None
    begun_ua: int = 0
    least_ua: int = 0
    most: int | None = None
    lowered_ms: int | None = None

    @property
    def cycle(self) -> int:
        """The present contraction, from 1."""
        return self.contractions.cycle

    @property
    def phase(self) -> str:
        """Where it stands, in one word."""
        return self.contractions.phase

    @property
    def waits_for(self) -> Output | None:
        """The stimulator, before each contraction."""
        return self.contractions.waits_for

    @property
    def is_finished(self) -> bool:
        """Whether the last contraction is over."""
        return self.contractions.is_finished

    @property
    def given_up(self) -> bool:
        """Whether it was held until it was too late."""
        return self.contractions.given_up

    @property
    def concerns(self) -> frozenset[Reason]:
        """What has to be alarmed for; to a loop a sensor that was never there is lost as well."""
        found = self.contractions.concerns
        if self.contractions.responses.sensor is Sensor.ABSENT:
            return found | {self.prescription.sensor_lost}
        return found

    def time_left_ms(self, now: int) -> int:
        """How long the present phase still lasts; 0 where it cannot be said."""
        return self.contractions.time_left_ms(now)

    def next_inflation_ms(self, now: int) -> int | None:
        """It asks for no cuff."""
        return None

    def step(self, seen: Seen, now: int) -> "Step[NmesLoopPlan]":
        """One step; pure and total."""
        before = self._contracted() if self._ends(now) else self._judged(seen.judged, now)
        contractions, wishes, skipped = before.contractions.step(seen, now)
        return Step(before._followed(contractions, now), wishes, skipped)

    def hear(self, word: Word, now: int) -> "tuple[NmesLoopPlan, str]":
        """Raise at the next step that may, or lower at once."""
        contractions, why = self.contractions.hear(word, now)
        return self._followed(contractions, now), why

    def _ends(self, now: int) -> bool:
        begun = self.contractions.step_now is Phase.CONTRACTING
        return begun and now - self.contractions.since_ms >= self.prescription.on_ms

    def _contracted(self) -> "NmesLoopPlan":
        """At the end of a contraction: the next one gets no more until this one is judged."""
        return self._replace(contractions=self.contractions._replace(rise_ua=0))

    def _judged(self, judged: Judged | None, now: int) -> "NmesLoopPlan":
        """What the next contraction gets more, or less, or that there is none for now."""
        contractions = self.contractions.with_judged(judged)
        if contractions is self.contractions:
            return self
        return self._replace(contractions=self._following(contractions, now))

    def _following(self, contractions: NmesPlan, now: int) -> NmesPlan:
        found, current_ua = contractions.responses, contractions.current_ua
        if contractions.step_now is not Phase.RESTING:
            return contractions
        if found.unanswered >= UNANSWERED_MOST and contractions.contraction < self.prescription.contractions:
            return contractions.hold(now)
        if found.may_rise:
            return contractions._replace(rise_ua=self._rise_ua())
        if found.gone and found.last_ua is not None:
            return contractions._replace(current_ua=min(current_ua, found.last_ua))
        return contractions

    def _followed(self, contractions: NmesPlan, now: int) -> "NmesLoopPlan":
        """After the contractions went on. What begins, or a press, is what the loop goes back to."""
        current_ua, was = contractions.current_ua, self.contractions
        if contractions.step_now is Phase.CONTRACTING and was.step_now is not Phase.CONTRACTING:
            return self._from(current_ua)._replace(contractions=contractions, most=None)
        if current_ua > was.current_ua:
            return self._from(current_ua)._replace(contractions=contractions)
        return self._replace(contractions=contractions, least_ua=min(self.least_ua, current_ua))

    def _from(self, current_ua: int) -> "NmesLoopPlan":
        return self._replace(begun_ua=current_ua, least_ua=current_ua, lowered_ms=None)

    def feel(self, answer: int, now: int) -> "tuple[NmesLoopPlan, StimulationIntent | None]":
        """Take an answer of the muscle; what is wished where the current has to change, else ``None``."""
        if self.contractions.step_now is not Phase.CONTRACTING:
            return self._rested(answer), None
        if self.rest is None:
            return self, None
        above = answer - self.rest
        most = above if self.most is None else max(self.most, above)
        current_ua = self._regulated_ua(above, now)
        if current_ua != self.contractions.current_ua:
            return self._changed(current_ua, most, now)
        return (self if most == self.most else self._replace(most=most)), None

    def exceed(self, now: int) -> "tuple[NmesLoopPlan, StimulationIntent | None]":
        """An answer that is more than its sensor can tell: 1 mA less, and the next one gets no more."""
        if self.contractions.step_now is not Phase.CONTRACTING:
            return self, None
        most, current_ua = self.prescription.target, self.contractions.current_ua
        less_ua = max(min(LEAST_UA, current_ua), current_ua - RISE_UA)
        if less_ua == current_ua or not self._has_settled(now):
            return self._replace(most=most), None
        return self._changed(less_ua, most, now)

    def _has_settled(self, now: int) -> bool:
        return self.lowered_ms is None or now - self.lowered_ms >= self.prescription.settle_ms

    def _rested(self, answer: int) -> "NmesLoopPlan":
        if answer == self.rest or not self.prescription.above_rest:
            return self
        return self._replace(rest=answer)

    def _changed(self, current_ua: int, most: int, now: int) -> "tuple[NmesLoopPlan, StimulationIntent]":
        falls = current_ua < self.contractions.current_ua
        contractions = self.contractions._replace(current_ua=current_ua)
        plan = self._replace(contractions=contractions, most=most)
        if falls:
            plan = plan._replace(least_ua=min(self.least_ua, current_ua), lowered_ms=now)
        return plan, nmes.intent(contractions, current_ua, contractions.presses)

    def _regulated_ua(self, above: int, now: int) -> int:
        """The current that this answer calls for."""
        current_ua, asked = self.contractions.current_ua, self.prescription
        missing = asked.target - above
        if not self._has_settled(now) or abs(missing) <= asked.tolerance:
            return current_ua
        wanted_ua = current_ua + missing * asked.gain_ua // _THOUSAND
        if missing < 0:
            return max(min(LEAST_UA, current_ua), wanted_ua)
        highest_ua = min(self.begun_ua, self.least_ua + RISE_UA, self.contractions.comfort_ua)
        return max(current_ua, min(wanted_ua, highest_ua))

    def _rise_ua(self) -> int:
        """What the next contraction gets more than this one ended with."""
        if self.most is None:
            return 0
        asked = self.prescription
        missing = asked.target - self.most
        if missing <= asked.tolerance:
            return 0
        return min(RISE_UA, missing * asked.gain_ua // _THOUSAND)


def start(prescription: NmesLoopPrescription, now: int, first_contraction: int = 1) -> NmesLoopPlan:
    """A plan that begins, from 1 mA on, with this contraction."""
    contractions = nmes.start(prescription, now, first_contraction)
    return NmesLoopPlan(prescription, contractions, None if prescription.above_rest else 0)
