"""The plan of neuromuscular electrical stimulation: a pure step machine.

Theory of operation
-------------------
A muscle is made to contract for ``on_ms`` and rests for ``off_ms``, over and over until the prescribed
time is filled.  The current starts at 1 mA and rises by 1 mA from one contraction to the next, up to the
*comfort* current: at first the prescription's highest, then what a person's word for less has made of it.
A person's press raises it by up to 5 mA, at once while the muscle contracts, else with the next
contraction, one press a second; it raises the comfort current too, never above the prescription's highest.

    waiting -> contracting -> resting -> waiting (next contraction) ... finished
                                 |
                                 +-> held -> finished, given up: nobody came

A contraction begins when the supervisor permits it: its row must be durable first.

Where a sensor looks, ``responses`` knows whether the muscle answered, ``deliveries`` whether the pulses
arrived at it (``response``).  Without a closed loop nothing is made of them here but what has to be alarmed
for; ``held`` is the closed loop's.

Units: currents uA, times ms.  Source of the numbers: the prescription.
"""

from enum import StrEnum
from typing import NamedTuple

from gateway.model import Output, Reason, StimulationIntent, StimulationPermit
from gateway.therapy.plan import Less, More, Seen, Step, Word
from gateway.therapy.prescription import NmesPrescription
from gateway.therapy.response import UNJUDGED, Judged, Responses

RISE_UA = 1_000
LEAST_UA = 1_000
PRESS_MOST_UA = 5_000
PRESS_EVERY_MS = 1_000
"""``stimulation_rise_ua``, ``stimulation_press_rise_ua`` and ``stimulation_press_ms`` of the supervisor's
limits, which this room cannot import; a test compares them."""

HELD_MOST_MS = 600_000
"""So long nobody came: what is left is given up, and may be resumed as any interrupted session (engineering
proposal: what a session for examinations waits for the next)."""

_HELD = "the stimulation is held: look, stop, press the button at the bedside, and start with --resume"
_WAITS = "a press waits already for the current to be raised: see what it does first"


class Phase(StrEnum):
    """Where the plan stands."""

    WAITING = "waiting"
    CONTRACTING = "contracting"
    RESTING = "resting"
    HELD = "held"
    FINISHED = "finished"


class NmesPlan(NamedTuple):
    """``since_ms`` is when the phase began; ``press_ua`` is a press that has not raised the current yet.

    ``rise_ua`` is what the next contraction gets more than the last.
    ``given_up``: it was held until it was too late.
    """

    prescription: NmesPrescription
    step_now: Phase
    contraction: int
    since_ms: int
    comfort_ua: int
    current_ua: int = 0
    presses: int = 0
    asked_presses: int = 0
    press_ua: int = 0
    raised_ms: int | None = None
    rise_ua: int = RISE_UA
    responses: Responses = UNJUDGED
    deliveries: Responses = UNJUDGED
    given_up: bool = False

    @property
    def cycle(self) -> int:
        """The present contraction, from 1."""
        return self.contraction

    @property
    def phase(self) -> str:
        """Where it stands, in one word."""
        return self.step_now.value

    @property
    def waits_for(self) -> Output | None:
        """The stimulator, before each contraction."""
        return Output.STIMULATOR if self.step_now is Phase.WAITING else None

    @property
    def is_finished(self) -> bool:
        """Whether the last contraction is over."""
        return self.step_now is Phase.FINISHED

    @property
    def concerns(self) -> frozenset[Reason]:
        """What has to be alarmed for."""
        pulses = self.deliveries.concerns(Reason.PULSES_MISSING, Reason.EMG_LOST)
        if self.step_now is Phase.HELD:
            return pulses | {Reason.STIMULATION_HELD}
        return pulses | self.responses.concerns(Reason.RESPONSE_MISSING, self.prescription.sensor_lost)

    def time_left_ms(self, now: int) -> int:
        """How long the present phase still lasts; 0 where it cannot be said."""
        lasts_ms = {
            Phase.CONTRACTING: self.prescription.on_ms,
            Phase.RESTING: self.prescription.off_ms,
            Phase.HELD: HELD_MOST_MS,
        }
        return max(0, self.since_ms + lasts_ms.get(self.step_now, 0) - now)

    def next_inflation_ms(self, now: int) -> int | None:
        """It asks for no cuff."""
        return None

    def step(self, seen: Seen, now: int) -> "Step[NmesPlan]":
        """One step; pure and total."""
        plan = self.with_judged(seen.judged)._with_delivered(seen.delivered)
        match plan.step_now:
            case Phase.WAITING:
                return _waiting(plan, seen, now)
            case Phase.CONTRACTING:
                return _contracting(plan, now)
            case Phase.RESTING:
                return _resting(plan, now)
            case Phase.HELD:
                return _held(plan, now)
            case Phase.FINISHED:
                return Step(plan, ())

    def with_judged(self, judged: Judged | None) -> "NmesPlan":
        """With what was found of the last contraction, once."""
        if judged is None or judged.contraction <= self.responses.contraction:
            return self
        return self._replace(responses=self.responses.with_judged(judged))

    def _with_delivered(self, delivered: Judged | None) -> "NmesPlan":
        if delivered is None or delivered.contraction <= self.deliveries.contraction:
            return self
        return self._replace(deliveries=self.deliveries.with_judged(delivered))

    def hold(self, now: int) -> "NmesPlan":
        """Between two contractions: begin no other. A person stops, and starts again with 1 mA."""
        return self._replace(step_now=Phase.HELD, since_ms=now, press_ua=0)

    def hear(self, word: Word, now: int) -> "tuple[NmesPlan, str]":
        """Raise at the next step that may, or lower at once."""
        match word:
            case More():
                return self._raised(word.by_ua)
            case Less():
                least_ua = max(LEAST_UA, self.current_ua - word.by_ua)
                return self._replace(current_ua=least_ua, comfort_ua=least_ua, press_ua=0), ""

    def _raised(self, by_ua: int) -> "tuple[NmesPlan, str]":
        if self.step_now is Phase.HELD:
            return self, _HELD
        if not 0 < by_ua <= PRESS_MOST_UA:
            return self, f"a press raises by 1 to {PRESS_MOST_UA // 1000} mA"
        if self.press_ua:
            return self, _WAITS
        if self.current_ua >= self.prescription.current_ua:
            return self, f"the current is at its highest, {self.prescription.current_ua // 1000} mA, already"
        return self._replace(press_ua=by_ua), ""


def start(prescription: NmesPrescription, now: int, first_contraction: int = 1) -> NmesPlan:
    """A plan that begins, from 1 mA on, with this contraction."""
    return NmesPlan(prescription, Phase.WAITING, first_contraction, now, prescription.current_ua)


def _waiting(plan: NmesPlan, seen: Seen, now: int) -> "Step[NmesPlan]":
    if isinstance(seen.pulses, StimulationPermit) and seen.train_started_ms is not None:
        return _contracting(_begun(plan, seen.pulses.current_ua, seen.train_started_ms, now), now)
    return _ask(plan)


def _ask(plan: NmesPlan) -> "Step[NmesPlan]":
    wish = _wish(plan)
    return Step(plan._replace(asked_presses=wish.presses), (wish,))


def _begun(plan: NmesPlan, given_ua: int, started_ms: int, now: int) -> NmesPlan:
    """The plan when its contraction is being given: what was asked counts, what was said since holds."""
    pressed = plan.asked_presses > plan.presses
    if pressed:
        plan = _looked_at(plan)._replace(presses=plan.asked_presses, raised_ms=now)
    if pressed and plan.press_ua:
        plan = plan._replace(press_ua=0, comfort_ua=max(plan.comfort_ua, given_ua))
    current_ua = min(given_ua, plan.comfort_ua)
    return plan._replace(step_now=Phase.CONTRACTING, since_ms=started_ms, current_ua=current_ua)


def _contracting(plan: NmesPlan, now: int) -> "Step[NmesPlan]":
    if now - plan.since_ms >= plan.prescription.on_ms:
        return _rest(plan, now)
    settled = plan.raised_ms is None or now - plan.raised_ms >= PRESS_EVERY_MS
    if plan.press_ua and settled:
        plan = _raised(plan, now)
    return Step(plan, (intent(plan, plan.current_ua, plan.presses),))


def _raised(plan: NmesPlan, now: int) -> NmesPlan:
    current_ua = min(plan.prescription.current_ua, plan.current_ua + plan.press_ua)
    comfort_ua = max(plan.comfort_ua, current_ua)
    pressed = _looked_at(plan)._replace(presses=plan.presses + 1, press_ua=0, raised_ms=now)
    return pressed._replace(current_ua=current_ua, comfort_ua=comfort_ua)


def _looked_at(plan: NmesPlan) -> NmesPlan:
    """A person pressed, and looks."""
    return plan._replace(responses=plan.responses.pressed(), deliveries=plan.deliveries.pressed())


def _rest(plan: NmesPlan, now: int) -> "Step[NmesPlan]":
    return Step(plan._replace(step_now=Phase.RESTING, since_ms=now), ())


def _resting(plan: NmesPlan, now: int) -> "Step[NmesPlan]":
    """After the last contraction there is nothing to rest for."""
    if plan.contraction >= plan.prescription.contractions:
        return Step(plan._replace(step_now=Phase.FINISHED, since_ms=now), ())
    if now - plan.since_ms < plan.prescription.off_ms:
        return Step(plan, ())
    return _ask(plan._replace(step_now=Phase.WAITING, contraction=plan.contraction + 1, since_ms=now))


def _held(plan: NmesPlan, now: int) -> "Step[NmesPlan]":
    if now - plan.since_ms < HELD_MOST_MS:
        return Step(plan, ())
    return Step(plan._replace(step_now=Phase.FINISHED, since_ms=now, given_up=True), ())


def _wish(plan: NmesPlan) -> StimulationIntent:
    """The next contraction: a rise over the last, or what a person's press made of it."""
    if plan.press_ua:
        current_ua = min(plan.prescription.current_ua, plan.current_ua + plan.press_ua)
        return intent(plan, current_ua, plan.presses + 1)
    return intent(plan, min(plan.comfort_ua, plan.current_ua + plan.rise_ua), plan.presses)


def intent(plan: NmesPlan, current_ua: int, presses: int) -> StimulationIntent:
    prescription = plan.prescription
    return StimulationIntent(
        current_ua=current_ua,
        pulse_width_us=prescription.pulse_width_us,
        frequency_dhz=prescription.frequency_dhz,
        contraction=plan.contraction,
        presses=presses,
        planned_ms=prescription.on_ms,
        ceiling_ua=prescription.current_ua,
    )
