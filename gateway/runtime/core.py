"""The core cycle: sense, decide, act, then the watchdog.

Theory of operation
-------------------
``Core`` is a synchronous machine.  Its shell hands it bytes, requests and the time; it answers with
bytes.  ``step(now)`` runs on every accepted status frame and at least every 50 ms:

1. *sense*: what has arrived since is already here (``cuff_bytes``, ``oximeter_bytes``, ``request``);
2. *decide*: the session's plan wishes, the supervisor permits or says no;
3. *act*: the gate turns the answer into a lease or a vent, the alarms into sound;
4. *tell*: rows for the journal, answers for the people who are waiting.

A request may wait for the controller or the disk before it begins anything.  A stop, a trip, another
beginning or an end may come meanwhile: each moves ``epoch``, and what waited across it is void.  Each but an
end also uses up the press at the bedside, so that one press is good for one thing.

The same object runs at the bedside and in virtual time.  It has no network, opens no file and reads
no clock.

Units: ms; 0.1 mmHg; per mille.
"""

from collections.abc import Callable

from drivers import cuff as wire
from drivers.host import Host
from drivers.link import Condition
from gateway.model import (
    LIMBS,
    CuffReading,
    Output,
    Permit,
    Purpose,
    Reason,
    Safe,
    StimulationPermit,
)
from gateway.record.events import (
    CoreStopped,
    DeviceLost,
    Event,
    SessionStopped,
    Trace,
    TripCleared,
    Tripped,
)
from gateway.runtime.acceptance import Acceptance
from gateway.runtime.answers import Answers
from gateway.runtime.devices import cuff_identified, in_words
from gateway.runtime.examining import Examination
from gateway.runtime.frames import frame
from gateway.runtime.free_limb import FreeLimb
from gateway.runtime.gate import Gate
from gateway.runtime.opening import alarm_event, open_run
from gateway.runtime.oximetry import Oximetry
from gateway.runtime.presses import Presses
from gateway.runtime.recorder import Recorder
from gateway.runtime.restore import Restored, with_test
from gateway.runtime.senses import Senses
from gateway.runtime.session import Session
from gateway.runtime.setup import Setup
from gateway.runtime.sight import conditions_of, observations
from gateway.runtime.stimulator import StimulatorGate
from gateway.safety import alarms, supervisor, verification
from gateway.safety.alarms import Told
from gateway.safety.debt import Debts, is_above, is_fresh
from gateway.safety.observations import State
from gateway.safety.urgent import vents_at_once
from gateway.therapy.plan import Wish

STEP_MS = 50
_RESUMABLE = (Reason.INTOLERABLE, Reason.PATIENT_CLEARED)
_BEDSIDE_STOPS = (Reason.STOPPED_AT_BEDSIDE, Reason.STOPPED_BY_PATIENT)


class Core:
    """The bedside as one machine. Every method takes the time."""

    def __init__(self, setup: Setup, recorder: Recorder, restored: Restored, now: int) -> None:
        self.setup, self.recorder = setup, recorder
        self.gate = Gate(
            expected_limits_crc=setup.firmware_limits_crc,
            expected_serial=setup.config.cuff.serial,
            ceiling_dmmhg=setup.limits.pressure_ceiling_dmmhg,
        )
        self.stimulator = StimulatorGate(setup.limits.stimulator_age_ms)
        self.oximeter = Oximetry(setup.config.oximeter, recorder)
        self.senses = Senses(self)
        self.session: Session | None = None
        self.acceptance: Acceptance | None = None
        self.accepted_cuffs = restored.accepted_cuffs
        self.state = State(
            Debts.of_ms(restored.debts_ms, now),
            latched=restored.latched,
            limb=restored.limb,
            # when it was deflated is not known any more: as late as can be
            deflated_ms=tuple(now if limb is restored.limb else None for limb in LIMBS),
            watch=verification.resumed(setup.limits, restored.unrecovered, now),
        )
        self.answer: Permit | Safe = Safe(Output.CUFF, Reason.NO_REQUEST)
        self.pulses: StimulationPermit | Safe = Safe(Output.STIMULATOR, Reason.NO_REQUEST)
        self.alarms = open_run(setup, recorder, restored, now)
        self.cuff_on = restored.cuff_on
        self.last_session = restored.last_session
        self.epoch = 0
        self._runs = 0
        self.link_seen_ms = now
        self.annunciator_lost = self.waveform_lost = self.algometer_strayed = False
        self.free_limb = FreeLimb(self)
        self.send_now: Callable[[], None] = lambda: None
        self.conditions: Callable[[], list[Condition]] = list
        self.idle_since_ms = now - restored.idle_ms
        self.presses = Presses(setup.limits.status_age_ms)
        self._stop_asked: Reason | None = None
        self._reset_asked = False
        self._oximeter_there = False
        self._examined: Examination | None = None
        self.cut_off = restored.open_examination

    # sense

    def cuff_connected(self, now: int) -> None:
        """The controller's port was opened."""
        self.gate.connected(now)

    def cuff_lost(self, why: str, now: int) -> None:
        """The controller's port is gone or never was; ``why`` is a sentence."""
        if self.gate.identity is not None:
            self.note(DeviceLost(device="cuff", reason=why), now)
        self.gate.disconnected(why)

    def cuff_bytes(self, data: bytes, now: int) -> None:
        """Bytes from the controller; each status frame is judged at once."""
        for event in self.gate.receive(data, now):
            if isinstance(event, wire.Status):
                self._cuff_status(now)
            elif isinstance(event, wire.Hello):
                self._cuff_identified(now)

    def oximeter_bytes(self, data: bytes, now: int) -> None:
        """Bytes from the oximeter."""
        for event in self.oximeter.feed(data, now):
            self.note(event, now)

    def oximeter_heard(self, host: Host, events: list[object], now: int) -> None:
        """What the oximeter's host on its own link said."""
        for event in self.oximeter.hear(host, events, now):
            self.note(event, now)

    def oximeter_connected(self, now: int) -> None:
        """The oximeter's port was opened."""
        self.oximeter.connected()
        self._oximeter_there = True

    def oximeter_lost(self, why: str, now: int) -> None:
        """The oximeter's port is gone or never was; its values age by themselves."""
        if self._oximeter_there:
            self.note(DeviceLost(device="oximeter", reason=why), now)
        self._oximeter_there = False

    def stimulator_lost(self, why: str, now: int) -> None:
        """The stimulator's port is gone; to a session that has used it that is a trip."""
        self.note(DeviceLost(device="stimulator", reason=why), now)
        self.stimulator.disconnected()

    def link_is_listening(self, now: int) -> None:
        """Somebody reads the live feed."""
        self.link_seen_ms = now

    # people

    def stop(self, reason: Reason, now: int) -> bool:
        """Stop the session, now. Says whether there was one to stop."""
        running = self.session is not None and self.session.running
        if self.session is not None:
            resumable = reason in _RESUMABLE or self.session.is_held
            self.session.end("interrupted" if resumable else "stopped", reason, now)
        if running:  # queued, not waited for
            self.note(SessionStopped(reason=reason.value), now)
        self._stop_asked = reason
        self._turn_over()
        self.step(now)
        self._make_safe(now)
        return running

    def was_pressed(self, now: int) -> bool:
        """Whether somebody pressed the button at the bedside within the last minute."""
        ago_ms = self.presses.ago_ms(now)
        return ago_ms is not None and ago_ms <= self.setup.limits.press_age_ms

    def present(self, now: int) -> bool:
        """Whether the controller says, now, that a press made at rest still stands: a stop is none."""
        reading = self.cuff
        return reading is not None and self.hears_cuff(now) and reading.presence

    def hears_cuff(self, now: int) -> bool:
        """Whether a status of the controller came of late."""
        return is_fresh(self.setup.limits, self.cuff, now)

    def next_run(self) -> int:
        """The number of the next session or test, given once."""
        self._runs += 1
        return self._runs

    def announce_session(self, name: str, *, uses_cuff: bool) -> None:
        """The first rows of a session are on their way to the disk: its cuff lies on the limb."""
        self.last_session = name
        self.cuff_on = self.cuff_on or uses_cuff

    def begin_session(self, session: Session) -> None:
        """A session was armed by the operator's desk, after its own checks."""
        self._begin_run()
        self.session = session

    def begin_test(self, test: Acceptance) -> None:
        """A test of the cuff was armed by the desk, after its own checks."""
        self._begin_run()
        self.acceptance = test

    def _begin_run(self) -> None:
        if self.session is not None or self.acceptance is not None:
            raise RuntimeError("one run at a time: the desk has to refuse the second")
        self.gate.lease_refused = self.gate.relay_refused = False
        self._turn_over()

    def _turn_over(self) -> None:
        """What waits is void, and the last press has had its use."""
        self.epoch += 1
        self.presses.use_up()

    def _make_safe(self, now: int) -> None:
        """The whole safe state on every wire, whatever we believe of the devices."""
        self.gate.make_safe()
        self.stimulator.make_safe(now)
        self.free_limb.make_safe()

    def cuff_removed(self) -> None:
        """A person says that the cuff is off the limb: what did not recover is theirs to look after."""
        self.cuff_on = False
        self.state = verification.taken_off(self.state)

    def reset(self, now: int) -> Reason | None:
        """Clear the latch; returns the reason that stands afterwards, ``None`` when it is clear."""
        cleared = self.state.latched
        self._reset_asked = True
        self.gate.lease_refused = self.gate.relay_refused = False
        if cleared is not None:
            self.note(TripCleared(reason=cleared.value), now)
        self.step(now)
        if cleared is not None and self.state.latched is cleared:  # its cause is still there
            self._note_trip(cleared, now)
        return self.state.latched

    def acknowledge(self, number: int | None, now: int) -> int:
        """Silence one alarm or all; returns how many."""
        self.alarms, changes = alarms.acknowledge(self.alarms, number)
        self._note_alarms(changes, now)
        return len(changes)

    def pause_alarms(self, duration_ms: int, now: int) -> bool:
        """Silence what sounds for so long, 0 ends a pause; says whether that changed anything."""
        self.alarms, told = alarms.pause(self.alarms, duration_ms, now)
        self._note_alarms(told, now)
        return bool(told)

    def shut_down(self, reason: str, now: int) -> None:
        """End whatever runs, vent, and say goodbye in the journal."""
        if self.session is not None:
            self.session.end("interrupted", Reason.CORE_STOPPED, now)
        self.step(now)
        self._close_session(now, at_once=True)
        self.note(CoreStopped(reason=reason), now)

    def give_up(self, why: str, now: int) -> None:
        """A defect ended this run: leave a record that latches the next one until a person has looked.

        An open session does so by itself.  Decides nothing and sends nothing: the shell has vented.
        """
        if self.session is None:
            self.note(Tripped(reason=Reason.CORE_RESTARTED.value, detail=why), now)
        self.note(CoreStopped(reason=why), now)

    # the cycle

    def step(self, now: int) -> None:
        """One turn of the cycle."""
        before = self.state
        self.recorder.look(now)
        self._decide(now)
        self._act(now)
        self.free_limb.step(now)
        self._tell(before, now)

    def outgoing(self, now: int) -> bytes:
        """The bytes for the controller."""
        return self.gate.outgoing(now)

    @property
    def cuff(self) -> CuffReading | None:
        """The newest status of the controller, however old."""
        return self.gate.reading

    def deflated(self, now: int) -> bool:
        """Whether a fresh status shows both sensors at or below 15 mmHg."""
        reading, limits = self.cuff, self.setup.limits
        return reading is not None and is_fresh(limits, reading, now) and not is_above(limits, reading)

    def _under_pressure(self, now: int) -> bool:
        reading, limits = self.cuff, self.setup.limits
        return reading is not None and is_fresh(limits, reading, now) and is_above(limits, reading)

    def _frame(self) -> Trace:
        """The frame of this second, as the recorder asks for it when one is over."""
        session = self.session
        return frame(self.state, session.cycle if session else 0, session.plan_phase if session else "idle")

    @property
    def examination(self) -> Examination | None:
        """The newest examination of this run, under way or over."""
        return (self.session.examining.newest if self.session is not None else None) or self._examined

    @property
    def owed_ms(self) -> int:
        """The ischaemia debt of the limb under the cuff; the largest where nobody said which it is."""
        return self.state.debts.largest(self.state.limb).value_ms

    def _decide(self, now: int) -> None:
        session = self.session
        wishes: tuple[Wish, ...] = ()
        if session is not None:
            answers, tissue = Answers(self.answer, self.pulses), self.oximeter.tissue
            wishes = session.wishes(answers, self.state, self.deflated(now), tissue.saturation, now)
            wishes = self.free_limb.let_through(wishes)
        elif self.acceptance is not None:
            wishes = self.acceptance.wishes(self.state, now)
        seen = observations(self, self._stop_asked, reset=self._reset_asked)
        before = self.state
        self.state, verdict = supervisor.step(self.setup.limits, before, seen, wishes, now)
        self.answer, self.pulses = verdict.cuff, verdict.stimulator
        self._stop_asked, self._reset_asked = None, False
        if session is not None:
            self._follow(session, before, wishes, now)
        elif self.acceptance is not None:
            self._follow_test(self.acceptance, before, now)
        holding = verdict.holding | conditions_of(self, now)
        self.alarms, changes = alarms.step(self.alarms, holding, now, verdict.latched)
        self._note_alarms(changes, now)

    def _follow(self, session: Session, before: State, wishes: tuple[Wish, ...], now: int) -> None:
        answers = Answers(self.answer, self.pulses)
        session.follow(before.inflation, self.state.inflation, self.answer, now)
        session.judge(self.state.watch, now)
        looks = self.senses.looks(session)
        session.trains.follow(self.state.stimulation, self.pulses, self.stimulator.reading, looks, now)
        session.authorise(wishes, answers, self.owed_ms, now)
        stopped = next((reason for reason in answers.refusals if reason in _BEDSIDE_STOPS), None)
        if stopped is not None and session.running:
            goes_on = session.is_held and stopped is not Reason.STOPPED_BY_PATIENT
            session.end("interrupted" if goes_on else "stopped", stopped, now)
            self._turn_over()
            self.note(SessionStopped(reason=stopped.value), now)
        elif self.state.latched is not None:
            session.end("interrupted", self.state.latched, now)
        elif session.running:
            lost = session.lost(before, answers)
            if lost is not None:
                session.end("interrupted", lost, now)

    def _follow_test(self, test: Acceptance, before: State, now: int) -> None:
        test.follow(before.inflation, self.state, self.answer, self.cuff, now)
        if test.result is not None:
            self.acceptance = None
            self._turn_over()
            self.accepted_cuffs = with_test(self.accepted_cuffs, test.result)

    def _act(self, now: int) -> None:
        under_way = self.state.inflation
        planned_ms = under_way.planned_ms if under_way else 0
        off_limb = under_way is not None and under_way.purpose is Purpose.ACCEPTANCE
        self.gate.act(self.answer, planned_ms, now, limb=self.state.limb, off_limb=off_limb)
        self._act_on_stimulator(now)
        self.gate.announce(alarms.audible(self.alarms, now))

    def _act_on_stimulator(self, now: int) -> None:
        if isinstance(self.pulses, StimulationPermit):
            self.gate.close_relay(self.pulses.expires_ms, now)
        else:
            self.gate.open_relay()
        self.stimulator.act(self.pulses, self.relay_is_closed(now), now)

    def relay_is_closed(self, now: int) -> bool:
        """Whether the controller says, now, that the stimulator's lead is closed."""
        closed = self.cuff is not None and self.cuff.relay_closed
        return closed and is_fresh(self.setup.limits, self.cuff, now)

    def _tell(self, before: State, now: int) -> None:
        if self.state.latched is not None and before.latched != self.state.latched:
            self._turn_over()
            self._make_safe(now)
            self.note(Tripped(reason=self.state.latched.value, detail=in_words(self.cuff, self.owed_ms)), now)
        following = self.session is not None or self._under_pressure(now)
        self.recorder.second(self._frame, self._session_name(), now, following=following)
        self._close_session(now, at_once=False)

    def _close_session(self, now: int, *, at_once: bool) -> None:
        session = self.session
        if session is None or not session.close_if_over(at_once or self.deflated(now), now):
            return
        self.recorder.flush(frame(self.state, session.cycle, "ended"), session.name, now)
        self.recorder.summarise(session.name, now)
        self._examined = session.examining.newest or self._examined
        self.session = None
        self.epoch += 1
        self.idle_since_ms = now

    # telling

    def _cuff_status(self, now: int) -> None:
        if self.cuff is not None:
            if vents_at_once(self.setup.limits, self.state, self.cuff, now):
                self.gate.make_safe()
                self.send_now()
            self.recorder.cuff(self.cuff)
            self.presses.take(self.cuff, now)
        self.step(now)

    def _cuff_identified(self, now: int) -> None:
        who = self.gate.identity
        if who is not None:
            self.note(cuff_identified(who, self.setup.config.cuff.description), now)

    def _note_alarms(self, changes: tuple[Told, ...], now: int) -> None:
        for told in changes:
            self.note(alarm_event(self.setup.boot, told, self.setup.language), now)

    def _note_trip(self, reason: Reason, now: int) -> None:
        self.note(Tripped(reason=reason.value, detail=in_words(self.cuff, self.owed_ms)), now)

    def _session_name(self) -> str:
        return self.session.name if self.session else ""

    def note(self, event: Event, now: int) -> None:
        """Write that this happened, of the session that is running."""
        self.recorder.event(event, self._session_name(), now)
