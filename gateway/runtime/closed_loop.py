"""A closed loop's turn: a sample of force is answered at once, between two turns of the cycle.

Theory of operation
-------------------
The session's plan feels the sample; what it wishes is judged (``gateway.safety.adjusting``), and what is
permitted goes to the stimulator's gate before anything is booked or recorded.  What is not plainly allowed
turns the whole cycle, which judges it like everything else.

Units: mN, uA, ms.
"""

from typing import TYPE_CHECKING

from gateway.model import StimulationIntent, StimulationPermit
from gateway.safety.adjusting import adjust, adjusted

if TYPE_CHECKING:
    from gateway.runtime.core import Core
    from gateway.runtime.session import Session


def regulate(core: "Core", force_mn: int, now: int) -> None:
    """Let the session's plan, if it is a closed loop, answer this force."""
    session = core.session
    if session is None:
        return
    wish = session.feel(force_mn, now)
    if wish is not None:
        _adjust(core, session, wish, now)
    if session.is_closed_loop:
        pulses = core.pulses
        core.recorder.tape.stimulation(pulses.current_ua if isinstance(pulses, StimulationPermit) else 0, now)


def _adjust(core: "Core", session: "Session", wish: StimulationIntent, now: int) -> None:
    arming = session.arming
    if arming is None:
        return
    limits = core.setup.limits
    permit = adjust(limits, core.state, arming, session.trains.authorisation, wish, now)
    if permit is None:
        core.step(now)
        return
    core.pulses = permit
    core.stimulator.act(permit, core.relay_is_closed(now), now)
    core.state = adjusted(limits, core.state, wish, now)
    session.trains.gave(wish.current_ua)
