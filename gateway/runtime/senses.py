"""What looks at a stimulated muscle, and a closed loop's turn: it is answered at once, between two turns.

Theory of operation
-------------------
Two sensors look at a stimulated muscle: a load cell (``force_read``, every sample) and the EMG of the hub
(``emg_read``, every packet).  ``evoked`` makes responses of the EMG in a session whose loop is on them, and
counts the pulses in any other for which the site has said what a pulse looks like (``hub.artifact_uv``).

In a closed loop the session's plan feels what its prescription says; what it wishes is judged
(``gateway.safety.adjusting``), and what is permitted goes to the stimulator's gate before anything is booked
or recorded.  What is not plainly allowed turns the whole cycle, which judges it like everything else.

``looks`` is what the running session's sensors say now, for whoever judges the contraction.

Units: mN, uV, uA, ms.
"""

from typing import TYPE_CHECKING

from drivers.host import Block
from gateway.model import Reason, Sample, StimulationIntent, StimulationPermit
from gateway.runtime.evoked import BEYOND, Emg, Look, Looks, PulseWatch, ResponseWatch, misfit
from gateway.safety.adjusting import adjust, adjusted
from gateway.safety.limits import HARD

if TYPE_CHECKING:
    from gateway.runtime.core import Core
    from gateway.runtime.session import Session


class Senses:
    """What is felt of the stimulated muscle, and what the session makes of it."""

    def __init__(self, core: "Core") -> None:
        self._core = core
        self.force: Sample | None = None
        self.emg: Emg | None = None
        self._watch: PulseWatch | None = None
        self._watched: Session | None = None

    def force_read(self, force_mn: int, now: int) -> None:
        """A sample of a force sensor at the stimulated limb."""
        self.force = Sample(force_mn, now)
        session = self._core.session
        if session is not None and session.watching.responses is None:
            self._feel(session, force_mn, now)

    def emg_told(self, emg: Emg | None) -> None:
        """How a hub tells the EMG of the stimulated muscle, if it does; what was seen is not of this one."""
        self.emg, self._watch, self._watched = emg, None, None

    def emg_read(self, block: Block, now: int) -> None:
        """A packet of the EMG over the stimulated muscle."""
        session = self._core.session
        if session is None or self.emg is None:
            return
        if session is not self._watched:
            self._watch, self._watched = _watch_for(session, self.emg), session
        if self._watch is None:
            return
        answer = self._watch.take(block, now)
        if answer == BEYOND:
            self._answer(session, session.exceed(now), now)
        elif session.watching.responses is not None:
            self._feel(session, answer, now)

    def emg_interrupted(self) -> None:
        """The electrode lost its contact, or found it again."""
        if self._watch is not None:
            self._watch.restart()

    def looks(self, session: "Session") -> Looks:
        """What this session's sensors say; ``None`` where there never was one."""
        pulses = self._watch.look() if self._watch is not None and session is self._watched else None
        if session.watching.responses is not None:
            return Looks(pulses, pulses)
        force = self.force
        return Looks(None if force is None else Look(force.value, force.arrived_ms, force.arrived_ms), pulses)

    def concerns(self, now: int) -> frozenset[Reason]:
        """What has to be alarmed for at once: a loop that contracts a muscle and does not hear its sensor."""
        session, train = self._core.session, self._core.state.stimulation
        sensor_lost = None if session is None else session.watching.sensor_lost
        if session is None or sensor_lost is None or not train.on:
            return frozenset()
        look, since_ms = self.looks(session).muscle, train.started_ms or 0
        heard_ms = since_ms if look is None else max(look.heard_ms, since_ms)
        return frozenset((sensor_lost,)) if now - heard_ms >= HARD.response_force_age_ms else frozenset()

    def _feel(self, session: "Session", answer: int | None, now: int) -> None:
        """Let the session's plan, if it is a closed loop, answer this."""
        wish = None if answer is None else session.feel(answer, now)
        self._answer(session, wish, now)

    def _answer(self, session: "Session", wish: StimulationIntent | None, now: int) -> None:
        if wish is not None:
            self._adjust(session, wish, now)
        if session.is_closed_loop:
            core = self._core
            pulses = core.pulses
            core.recorder.tape.stimulation(
                pulses.current_ua if isinstance(pulses, StimulationPermit) else 0, now
            )

    def _adjust(self, session: "Session", wish: StimulationIntent, now: int) -> None:
        arming = session.arming
        if arming is None:
            return
        core = self._core
        limits = core.setup.limits
        permit = adjust(limits, core.state, arming, session.trains.authorisation, wish, now)
        if permit is None:
            core.step(now)
            return
        core.pulses = permit
        core.stimulator.act(permit, core.relay_is_closed(now), now)
        core.state = adjusted(limits, core.state, wish, now)
        session.trains.gave(wish.current_ua)


def _watch_for(session: "Session", emg: Emg) -> PulseWatch | None:
    """What looks at this EMG in this session; ``None`` where nothing does, or can."""
    responses, wanted, _ = session.watching
    if responses is not None:
        return ResponseWatch(emg, responses)
    if wanted is None or misfit(emg, wanted.artifact_uv):
        return None
    return PulseWatch(emg, wanted)
