"""What core sees of the bedside, for the supervisor and for its own alarms.

Theory of operation
-------------------
Pure questions to core.  ``observations`` is all that the supervisor may look at; ``conditions_of`` are those
that core finds by itself: people who were asked for something, the link, the annunciator, a muscle that
does not answer.

Units: ms.
"""

from typing import TYPE_CHECKING

from gateway.model import Reason
from gateway.safety.limits import HARD
from gateway.safety.observations import Observations

if TYPE_CHECKING:
    from gateway.runtime.core import Core


def observations(core: "Core", stop: Reason | None, *, reset: bool) -> Observations:
    """What the supervisor may look at now; ``stop`` and ``reset`` are a person's, for this one step."""
    session = core.session
    run = session or core.acceptance
    return Observations(
        cuff=core.cuff,
        cuff_accepted=core.gate.accepted,
        blood_pressure=run.blood_pressure if run else None,
        tissue=core.oximeter.tissue,
        saturation_expected=core.setup.config.oximeter is not None and bool(session and session.occludes),
        authorisation=run.authorisation if run else None,
        arming=run.arming if run else None,
        stop=stop,
        reset=reset,
        journal_failed=core.recorder.failure is not None,
        lease_refused=core.gate.lease_refused or core.gate.relay_refused,
        stimulator=core.stimulator.reading,
        train=session.trains.authorisation if session else None,
    )


def conditions_of(core: "Core", now: int) -> frozenset[Reason]:
    """What core itself has to alarm for."""
    found = set()
    session = core.session
    if core.cuff_on and session is None and now - core.idle_since_ms >= HARD.cuff_on_reminder_ms:
        found.add(Reason.CUFF_NOT_REMOVED)
    if now - core.link_seen_ms >= HARD.link_silent_ms:
        found.add(Reason.LINK_LOST)
    if core.annunciator_lost:
        found.add(Reason.ANNUNCIATOR_LOST)
    if core.waveform_lost:
        found.add(Reason.WAVEFORM_LOST)
    if core.algometer_strayed:
        found.add(Reason.ALGOMETER_UNEXPECTED)
    found |= core.free_limb.conditions(now)
    if session is not None and session.pain.is_overdue(core.state.inflation, now):
        found.add(Reason.PAIN_SCORE_DUE)
    if session is not None:
        found |= session.concerns | core.senses.concerns(now)
    return frozenset(found)
