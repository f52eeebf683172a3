"""Between two whole judgements: another current in the contraction that is being given.

Theory of operation
-------------------
A closed loop decides hundreds of times a second, oftener than the supervisor judges the whole bedside
(on every status of the cuff and at least every 50 ms).  ``adjust`` judges one thing only, by the same rules
of stimulation: another current, in the contraction that is on.  It answers with a permit, or with ``None``:
not plainly allowed, judge the whole.

The permit leaves before the state knows of it, since the muscle waits for it and nobody judges in between;
whoever acts on it has to take ``adjusted`` as the state in the same turn.

It cannot begin, resume or prolong anything.  Its permit lapses when that of the last whole judgement does,
and it gives none once that has lapsed.  A stop, the patient's button, a cuff or a stimulator that falls
silent are seen by the whole judgement, after which nothing is on.  Whatever ``adjust`` permits, the whole
judgement would have permitted at that instant, had nothing else changed.

Units: uA, ms.
"""

from dataclasses import replace

from gateway.model import StimulationIntent, StimulationPermit
from gateway.safety import stimulation
from gateway.safety.limits import Limits
from gateway.safety.observations import Arming, State
from gateway.safety.stimulation import TrainAuthorisation


def adjust(
    limits: Limits,
    state: State,
    arming: Arming,
    train: TrainAuthorisation | None,
    wish: StimulationIntent,
    now: int,
) -> StimulationPermit | None:
    """The permit of this current, or ``None``: judge the whole. Never raises."""
    lapses_ms = _lapses_ms(limits, state, arming, now)
    if lapses_ms is None or state.stimulation.spent_ms >= arming.stimulation_left_ms:
        return None
    if stimulation.refusal(limits, arming.stimulation, state.stimulation, train, wish, now) is not None:
        return None
    return StimulationPermit(wish.current_ua, wish.pulse_width_us, wish.frequency_dhz, lapses_ms)


def adjusted(limits: Limits, state: State, wish: StimulationIntent, now: int) -> State:
    """The state once ``adjust`` has permitted this and it is being given."""
    return replace(state, stimulation=stimulation.give(limits, state.stimulation, None, wish, now))


def _lapses_ms(limits: Limits, state: State, arming: Arming, now: int) -> int | None:
    """When the permit of the last whole judgement lapses; ``None`` where none is running."""
    given, judged_ms = state.stimulation, state.now_ms
    if state.latched is not None or arming.number != state.session:
        return None
    if not given.on:  # while one contraction is on, the rules of stimulation refuse any other
        return None
    if judged_ms is None or not 0 <= now - judged_ms < limits.stimulation_permit_ms:
        return None
    return judged_ms + limits.stimulation_permit_ms
