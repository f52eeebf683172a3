"""The plan of stimulation in closed loop on force: a pure step machine.

Theory of operation
-------------------
The contractions are those of ``nmes``: when they begin, how long they last, what a person's press or word
makes of the current.  The loop decides what is between, on every sample of a force sensor (``feel``):

- *within a contraction*, force above target and tolerance lowers the current at once, in proportion to what
  is too much; then the muscle has ``settle_ms`` to follow (electromechanical delay) before the next change.
  Force below them raises what was lowered again, by at most 1 mA over its lowest and never above what the
  contraction began with;
- *from one contraction to the next*, the current rises by at most 1 mA, in proportion to what the highest
  force missed of the target, and not at all where it was reached.

Force counts above rest: the last sample before the contraction.  A sensor that is silent changes nothing:
the current of this contraction stays, and the next one gets no more.

*Whether the muscle answered* is judged for the loop when a contraction is over (``response``), and nothing
rises before that is known.  Missing force is a reason to raise only while it can be a current below the motor
threshold.  A response that has disappeared is a lead, an electrode or a device: the current does not rise and
falls back to no more than what was last answered, for whoever mends the lead meets it.  After
``UNANSWERED_MOST`` contractions in a row without response, whatever the current, the loop is *held*: nothing
contracts, an alarm sounds, a person looks and stops; it may be resumed, through all gates of a start and from
1 mA.  A person's presses are the person's: each begins that count anew.  A sensor that is silent or frozen
raises nothing and is named.

The rules of rising are the supervisor's, which judges every wish of this plan as any other; here they only
keep the plan from wishing what would be refused.

Units: currents uA, forces mN, times ms.  Source: engineering proposal (a step of at most 1 mA a contraction,
decrease at once); 30 to 100 ms of electromechanical delay are from memory, so ``settle_ms`` has no default.
"""

from typing import NamedTuple

from gateway.model import Output, Reason, StimulationIntent
from gateway.therapy import nmes
from gateway.therapy.nmes import LEAST_UA, RISE_UA, NmesPlan, Phase
from gateway.therapy.plan import Seen, Step, Word
from gateway.therapy.prescription import NmesForcePrescription
from gateway.therapy.response import UNANSWERED_MOST, Judged, Sensor

_N = 1_000


class NmesForcePlan(NamedTuple):
    """``begun_ua``, ``least_ua``, ``lowered_ms`` are of the present contraction; ``most_mn`` is its highest
    force above rest."""

    prescription: NmesForcePrescription
    contractions: NmesPlan
    rest_mn: int | None = None
    begun_ua: int = 0
    least_ua: int = 0
    most_mn: int | None = None
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
            return found | {Reason.FORCE_LOST}
        return found

    def time_left_ms(self, now: int) -> int:
        """How long the present phase still lasts; 0 where it cannot be said."""
        return self.contractions.time_left_ms(now)

    def next_inflation_ms(self, now: int) -> int | None:
        """It asks for no cuff."""
        return None

    def step(self, seen: Seen, now: int) -> "Step[NmesForcePlan]":
        """One step; pure and total."""
        before = self._contracted() if self._ends(now) else self._judged(seen.judged, now)
        contractions, wishes, skipped = before.contractions.step(seen, now)
        return Step(before._followed(contractions, now), wishes, skipped)

    def hear(self, word: Word, now: int) -> "tuple[NmesForcePlan, str]":
        """Raise at the next step that may, or lower at once."""
        contractions, why = self.contractions.hear(word, now)
        return self._followed(contractions, now), why

    def _ends(self, now: int) -> bool:
        begun = self.contractions.step_now is Phase.CONTRACTING
        return begun and now - self.contractions.since_ms >= self.prescription.on_ms

    def _contracted(self) -> "NmesForcePlan":
        """At the end of a contraction: the next one gets no more until this one is judged."""
        return self._replace(contractions=self.contractions._replace(rise_ua=0))

    def _judged(self, judged: Judged | None, now: int) -> "NmesForcePlan":
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

    def _followed(self, contractions: NmesPlan, now: int) -> "NmesForcePlan":
        """After the contractions went on. What begins, or a press, is what the loop goes back to."""
        current_ua, was = contractions.current_ua, self.contractions
        if contractions.step_now is Phase.CONTRACTING and was.step_now is not Phase.CONTRACTING:
            return self._from(current_ua)._replace(contractions=contractions, most_mn=None)
        if current_ua > was.current_ua:
            return self._from(current_ua)._replace(contractions=contractions)
        return self._replace(contractions=contractions, least_ua=min(self.least_ua, current_ua))

    def _from(self, current_ua: int) -> "NmesForcePlan":
        return self._replace(begun_ua=current_ua, least_ua=current_ua, lowered_ms=None)

    def feel(self, force_mn: int, now: int) -> "tuple[NmesForcePlan, StimulationIntent | None]":
        """Take a sample of force; what is wished where the current has to change, else ``None``."""
        if self.contractions.step_now is not Phase.CONTRACTING:
            return (self if force_mn == self.rest_mn else self._replace(rest_mn=force_mn)), None
        if self.rest_mn is None:
            return self, None
        above_mn = force_mn - self.rest_mn
        most_mn = above_mn if self.most_mn is None else max(self.most_mn, above_mn)
        current_ua = self._regulated_ua(above_mn, now)
        if current_ua != self.contractions.current_ua:
            return self._changed(current_ua, most_mn, now)
        return (self if most_mn == self.most_mn else self._replace(most_mn=most_mn)), None

    def _changed(self, current_ua: int, most_mn: int, now: int) -> "tuple[NmesForcePlan, StimulationIntent]":
        falls = current_ua < self.contractions.current_ua
        contractions = self.contractions._replace(current_ua=current_ua)
        plan = self._replace(contractions=contractions, most_mn=most_mn)
        if falls:
            plan = plan._replace(least_ua=min(self.least_ua, current_ua), lowered_ms=now)
        return plan, nmes.intent(contractions, current_ua, contractions.presses)

    def _regulated_ua(self, above_mn: int, now: int) -> int:
        """The current that this force calls for."""
        current_ua, asked = self.contractions.current_ua, self.prescription
        missing_mn = asked.target_mn - above_mn
        settled = self.lowered_ms is None or now - self.lowered_ms >= asked.settle_ms
        if not settled or abs(missing_mn) <= asked.tolerance_mn:
            return current_ua
        wanted_ua = current_ua + missing_mn * asked.gain_ua_per_n // _N
        if missing_mn < 0:
            return max(min(LEAST_UA, current_ua), wanted_ua)
        highest_ua = min(self.begun_ua, self.least_ua + RISE_UA, self.contractions.comfort_ua)
        return max(current_ua, min(wanted_ua, highest_ua))

    def _rise_ua(self) -> int:
        """What the next contraction gets more than this one ended with."""
        if self.most_mn is None:
            return 0
        asked = self.prescription
        missing_mn = asked.target_mn - self.most_mn
        if missing_mn <= asked.tolerance_mn:
            return 0
        return min(RISE_UA, missing_mn * asked.gain_ua_per_n // _N)


def start(prescription: NmesForcePrescription, now: int, first_contraction: int = 1) -> NmesForcePlan:
    """A plan that begins, from 1 mA on, with this contraction."""
    return NmesForcePlan(prescription, nmes.start(prescription, now, first_contraction))
