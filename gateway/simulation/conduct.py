"""How the people of one simulated session behave: drawn from its seed, then only followed.

Theory of operation
-------------------
``Conduct`` is plain data: when somebody stops the session and how, who answers prompts, who rounds blood
pressures, what the patient had elsewhere, what the screening finds, who asks for more or less current.
``attendant`` does what it says.  Four of five sessions are stopped by nobody; none of this is a fault of the
equipment, and most of it calls for no alarm.  What does is known beforehand: an unanswered prompt.

Units: ms since the session began; mA; minutes where a person speaks of another day's session.  Source of the
chances: chosen, so that each path is taken some ten times in a thousand sessions.
"""

import random
from dataclasses import dataclass
from enum import StrEnum


class Stop(StrEnum):
    """How a session is ended by somebody."""

    NOBODY = "nobody"
    INTOLERABLE = "intolerable"
    """A pain score that stops: NRS 7 or more, or CPOT above 2."""
    PATIENT = "patient"
    """The patient's own stop button."""
    BUTTON = "button"
    """The bedside button."""
    TERMINAL = "terminal"
    """``rvos session stop``."""
    CLEAR = "clear"
    """``rvos session clear-patient``: defibrillation, transport."""


_STOPS = (Stop.INTOLERABLE, Stop.PATIENT, Stop.BUTTON, Stop.TERMINAL, Stop.CLEAR)


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A session with therapy that the patient had at another gateway, as somebody declares it."""

    ended_min_ago: int
    above_min: int


@dataclass(frozen=True, slots=True)
class Conduct:
    """``again``: who resumes once after an interruption. ``words``: when the current changes, by how much.

    ``speaks``: the patient gives an NRS; otherwise somebody reads the CPOT.  ``contraindicated``: one answer
    of the screening forbids the session.
    """

    answers_after_ms: int = 5_000
    measures_again_ms: int = 60_000
    again: bool = False
    stop: Stop = Stop.NOBODY
    stop_at_ms: int = 0
    speaks: bool = True
    answers_prompts: bool = True
    rounds: bool = False
    contraindicated: bool = False
    elsewhere: Elsewhere | None = None
    words: tuple[tuple[int, int], ...] = ()


def draw(randomness: random.Random, span_ms: int, *, stimulates: bool) -> Conduct:
    """Somebody's conduct in a session of about ``span_ms``."""
    stops = randomness.random() < 0.2
    return Conduct(
        answers_after_ms=randomness.randint(2_000, 20_000),
        measures_again_ms=randomness.randint(20_000, 120_000),
        again=randomness.random() < 0.4,
        stop=randomness.choice(_STOPS) if stops else Stop.NOBODY,
        stop_at_ms=randomness.randrange(span_ms),
        speaks=randomness.random() < 0.5,
        answers_prompts=randomness.random() < 0.9,
        rounds=randomness.random() < 0.15,
        contraindicated=randomness.random() < 0.02,
        elsewhere=_elsewhere(randomness) if randomness.random() < 0.15 else None,
        words=_words(randomness, span_ms) if stimulates else (),
    )


def _elsewhere(randomness: random.Random) -> Elsewhere:
    """Most of them leave room for a session today; one that ended less than four hours ago does not."""
    return Elsewhere(randomness.randint(180, 1_400), randomness.randint(1, 20))


def _words(randomness: random.Random, span_ms: int) -> tuple[tuple[int, int], ...]:
    """Up to four presses for more, or words for less."""
    drawn = [
        (randomness.randrange(span_ms), randomness.choice((1, 2, 5, 5, 5, -1, -10)))
        for _ in range(randomness.randrange(5))
    ]
    return tuple(sorted(drawn))
