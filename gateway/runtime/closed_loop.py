"""A closed loop's turn: what a sensor of the muscle says is answered at once, between two turns of the cycle.

Theory of operation
-------------------
Two sensors look at a stimulated muscle: a load cell (``force_read``, every sample) and the EMG of the hub
(``emg_read``, every packet; ``evoked`` makes responses of it, in a session whose loop is on them).  The
session's plan feels what its prescription says; what it wishes is judged (``gateway.safety.adjusting``), and
what is permitted goes to the stimulator's gate before anything is booked or recorded.  What is not plainly
allowed turns the whole cycle, which judges it like everything else.

``look`` is what the running session's sensor says now, for whoever judges the contraction.

Units: mN, uV, uA, ms.
"""

from typing import TYPE_CHECKING

from drivers.host import Block
from gateway.model import Reason, Sample, StimulationIntent, StimulationPermit
from gateway.runtime.evoked import BEYOND, Emg, Look, Watch
from gateway.safety.adjusting import adjust, adjusted
from gateway.safety.limits import HARD

if TYPE_CHECKING:
    from gateway.runtime.core import Core
    from gateway.runtime.session import Session


class ClosedLoop:
    """What is felt of the stimulated muscle, and what the session makes of it."""

    def __init__(self, core: "Core") -> None:
        self._core = core
        self.force: Sample | None = None
        self.emg: Emg | None = None
        self._watch: Watch | None = None
        self._watched: Session | None = None

    def force_read(self, force_mn: int, now: int) -> None:
        """A sample of a force sensor at the stimulated limb."""
        self.force = Sample(force_mn, now)
        session = self._core.session
        if session is not None and session.sweep is None:
            self._feel(session, force_mn, now)

    def emg_told(self, emg: Emg | None) -> None:
        """How a hub tells the EMG of the stimulated muscle, if it does; what was seen is not of this one."""
        self.emg, self._watch = emg, None

    def emg_read(self, block: Block, now: int) -> None:
        """A packet of the EMG over the stimulated muscle."""
        session = self._core.session
        if session is None or session.sweep is None or self.emg is None:
            return
        if session is not self._watched or self._watch is None:
            self._watch, self._watched = Watch(self.emg, session.sweep), session
        answer = self._watch.take(block, now)
        if answer == BEYOND:
            self._answer(session, session.exceed(now), now)
        else:
            self._feel(session, answer, now)

    def emg_interrupted(self) -> None:
        """The electrode lost its contact, or found it again."""
        if self._watch is not None:
            self._watch.restart()

    def look(self, session: "Session") -> Look | None:
        """What this session's sensor says; ``None`` where there never was one."""
        if session.sweep is None:
            force = self.force
            return None if force is None else Look(force.value, force.arrived_ms, force.arrived_ms)
        watch = self._watch if session is self._watched else None
        if watch is None or watch.heard_ms is None:
            return None
        newest = watch.newest or Sample(None, watch.heard_ms)
        return Look(newest.value, newest.arrived_ms, watch.heard_ms, watch.counts, watch.noisy)

    def concerns(self, now: int) -> frozenset[Reason]:
        """What has to be alarmed for at once: a loop that contracts a muscle and does not hear its sensor."""
        session, train = self._core.session, self._core.state.stimulation
        if session is None or session.sensor_lost is None or not train.on:
            return frozenset()
        look, since_ms = self.look(session), train.started_ms or 0
        heard_ms = since_ms if look is None else max(look.heard_ms, since_ms)
        lost = now - heard_ms >= HARD.response_force_age_ms
        return frozenset((session.sensor_lost,)) if lost else frozenset()

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
