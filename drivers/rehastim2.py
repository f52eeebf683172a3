"""The gateway's side of a RehaStim2: what is asked, what is answered, when it is stopped. Sans-IO.

Theory of operation
-------------------
One ``Rehastim2Host`` belongs to one open port.  The shell hands it what arrived (``receive``) and sends what
it wants to send (``outgoing``), at least every 50 ms.  The words of ``drivers.stimulation`` become frames of
``drivers.sciencemode2``; this file adds order and time:

=============  =======================================================================================
greeting       the device says Init every 500 ms until it is answered.  Before that nothing is sent but a
               stop, so a device still in another conversation ends it by its own watchdog and says Init
start          channel list, answer, pulses, answer.  The same pulses again only *ask* for the mode: a
               renewal never energises.  Another current or width is an update.  Another frequency or
               channel set is a stop, a new channel list and a new start: a short pause in the pulses
stop           the next frame whatever is pending; drops all that waits; said again every 100 ms until it is
               answered with ok.  Nothing else but the greeting is sent meanwhile
ask            the mode, up to 3 tries: it changes nothing
single pulse   while no train is given
keep-alive     a Watchdog frame after 400 ms of silence of ours, **only while nothing is given**: it never
               keeps pulses alive.  Those live by the caller's own words
=============  =======================================================================================

One request is pending at a time and has 150 ms for its answer (the device needs 100 ms at most).  What could
energise is never tried again.

A *gap* stops the device, drops what waits, changes ``run`` and refuses ``start`` (``drivers.stimulation``):
Init in the middle of a conversation, an answer that does not come or says no, pulses that ended or flow
unasked, a StimulationError that is no electrode's, and 600 ms without a word of the caller while pulses are
given or wanted.  An electrode error stops too, keeps the run, and needs a stop.

A new port starts refusing as after a gap.  Words carry the time of the last call of ``receive`` or
``outgoing`` before them, so a shell that stood still makes them older, never younger.

Identity is the protocol version of Init, no more: the protocol has no serial number and no firmware version.
Unconfirmed: that a stop leaves the device in a mode that needs a new channel list (one is always sent); that
a pulse of 0 mA tests the electrodes.  Units: uA, us, 0.1 Hz, ms of the caller's clock.
"""

from collections.abc import Callable
from typing import TypeVar

from drivers import sciencemode2 as wire
from drivers.host import Counters, Identity, Line
from drivers.rehastim2_link import Link, Pending, Stop
from drivers.rehastim2_pulses import Setting, deliverable, one_pulse
from drivers.rehastim2_texts import NAMES, error_text, result_text
from drivers.stimulation import Pulses, PulsesRefused, Report

ANSWER_MS = 150
KEEP_ALIVE_MS = 400
SILENCE_MS = 600
ASK_TRIES = 3
STOP_TRIES = 3

_Read = TypeVar("_Read")


class Rehastim2Host:
    """Our end of one device on one open port. ``link`` has more counters."""

    line = Line(460800, "E")

    def __init__(self) -> None:
        self.link = Link()
        self._now_ms: int | None = None
        self._word_ms: int | None = None
        self._run = 0
        self._told_run = 0
        self._locked = True
        self._trouble = ""
        self._refused = ""
        self._electrode_fault = False
        self._wanted: Setting | None = None
        self._given: Setting | None = None
        self._configured: wire.ChannelList | None = None
        self._single: wire.SinglePulse | None = None
        self._asked = False
        self._curious = False
        self._pending: Pending | None = None
        self._stop = Stop()
        self._reports: list[Report] = []
        self._takers: dict[int, Callable[[wire.Packet, int], bool]] = {
            wire.INIT: self._take_init,
            wire.GET_MODE_ACK: self._take_mode,
            wire.INIT_CHANNEL_LIST_ACK: self._take_answer,
            wire.START_CHANNEL_LIST_ACK: self._take_answer,
            wire.SINGLE_PULSE_ACK: self._take_answer,
            wire.STOP_CHANNEL_LIST_ACK: self._take_stopped,
            wire.STIMULATION_ERROR: self._take_error,
            wire.UNKNOWN_COMMAND: self._take_unknown,
        }

    @property
    def last_valid_ms(self) -> int | None:
        """When the last frame arrived that this device sends."""
        return self.link.last_valid_ms

    @property
    def identity(self) -> Identity | None:
        """Known from the first Init on."""
        return self.link.identity

    @property
    def refusal(self) -> str:
        """Why this is no device for this driver."""
        return self.link.refusal

    @property
    def counters(self) -> Counters:
        """What went over the link."""
        return self.link.counters

    # --- what may be asked -----------------------------------------------------------------------

    def start(self, pulses: Pulses) -> None:
        """Give these pulses, or go on giving them. Raises ``PulsesRefused``, having stopped."""
        setting = self._possible(lambda: deliverable(pulses))
        if self._locked:
            self._refuse("start")
        else:
            self._word_ms = self._now_ms
            self._wanted = setting
            self._curious = self._curious or setting == self._given

    def single_pulse(self, channel: int, current_ua: int, pulse_width_us: int) -> None:
        """One pulse on ``channel`` (1 to 8), never said twice. Raises ``PulsesRefused``, having stopped."""
        pulse = self._possible(lambda: one_pulse(channel, current_ua, pulse_width_us))
        if self._locked or self._wanted is not None:
            self._refuse("a single pulse")
        else:
            self._word_ms = self._now_ms
            self._single = pulse

    def stop(self) -> None:
        """Give none: the next frame. Drops what waits, clears an electrode fault once it is answered."""
        self._drop()
        self._stop.want(by_caller=self._knows)

    def ask(self) -> None:
        """Say how you are."""
        self._curious = True
        self._asked = self._asked or self._knows

    @property
    def _knows(self) -> bool:
        """Whether the caller was told of the last gap: what it says before that is no answer to it."""
        return self._told_run == self._run

    def _possible(self, read: Callable[[], _Read]) -> _Read:
        """What the device can give of a wish; a wish that it cannot give ends what it gives."""
        try:
            return read()
        except PulsesRefused:
            self.stop()
            raise

    def _refuse(self, word: str) -> None:
        """Ask the device instead: the report that follows is its own, and says why."""
        self._refused = f"{word} is refused now: say stop or ask first"
        self._curious = True

    # --- bytes -----------------------------------------------------------------------------------

    def outgoing(self, now_ms: int) -> bytes:
        """What is to be sent now; a stop is always first."""
        self._pass(now_ms)
        return self._stop_bytes(now_ms) + self.link.greeting(now_ms) + self._request(now_ms)

    def receive(self, data: bytes, now_ms: int) -> list[object]:
        """The reports that ``data``, and the time that passed, have brought. Never raises."""
        for packet in self.link.packets(data):
            taker = self._takers.get(packet.command)
            if taker is not None and taker(packet, now_ms):
                self.link.valid(now_ms)
            else:
                self.link.invalid += 1
        self._pass(now_ms)
        reports: list[object] = [*self._reports]
        self._reports = []
        return reports

    def _pass(self, now_ms: int) -> None:
        """Let time pass for the caller's silence and for the answer that is pending."""
        self._now_ms = now_ms
        if self._word_ms is None:
            self._word_ms = now_ms
        uses = self._wanted is not None or self._single is not None
        if uses and now_ms - self._word_ms > SILENCE_MS:
            self._fall(f"nobody asked for pulses for {SILENCE_MS} ms")
        pending = self._pending
        if pending is not None and now_ms - pending.sent_ms >= ANSWER_MS and not _may_retry(pending):
            self._fall(f"no answer to {NAMES[pending.command]}")

    def _stop_bytes(self, now_ms: int) -> bytes:
        if not self._stop.is_due(now_ms):
            return b""
        if self._stop.tries == STOP_TRIES and self.identity is not None:
            self._fall("no answer to the stop")
        frame = self.link.send(wire.encode_stop, now_ms)
        self._stop.sent(self.link.number, now_ms)
        return frame

    def _request(self, now_ms: int) -> bytes:
        """The next request, where one may be sent."""
        if self._stop.is_open or self.identity is None or self.refusal:
            return b""
        if self._pending is not None:
            return self._once_more(self._pending, now_ms)
        if self._wanted is not None and self._wanted != self._given:
            return self._advance(self._wanted, now_ms)
        if self._single is not None:
            return self._send_single(self._single, now_ms)
        if self._curious:
            by_caller, self._asked, self._curious = self._asked, False, False
            return self._pend(wire.GET_MODE, wire.encode_get_mode, now_ms, by_caller=by_caller)
        return self._keep_alive(now_ms)

    def _once_more(self, pending: Pending, now_ms: int) -> bytes:
        """A question whose time is over is asked again."""
        if now_ms - pending.sent_ms < ANSWER_MS:
            return b""
        self.link.retries += 1
        return self._pend(
            wire.GET_MODE,
            wire.encode_get_mode,
            now_ms,
            by_caller=pending.by_caller,
            tries=pending.tries + 1,
        )

    def _advance(self, wanted: Setting, now_ms: int) -> bytes:
        """One step from what is given to what is wanted."""
        channels, entries = wanted.channel_list, wanted.entries
        if self._configured == channels:
            return self._pend(
                wire.START_CHANNEL_LIST, lambda number: wire.encode_start(number, entries), now_ms, wanted
            )
        if self._given is not None:
            return self._pend(wire.STOP_CHANNEL_LIST, wire.encode_stop, now_ms)
        return self._pend(
            wire.INIT_CHANNEL_LIST, lambda number: wire.encode_channel_list(number, channels), now_ms, wanted
        )

    def _send_single(self, pulse: wire.SinglePulse, now_ms: int) -> bytes:
        self._single = None
        return self._pend(wire.SINGLE_PULSE, lambda number: wire.encode_single_pulse(number, pulse), now_ms)

    def _keep_alive(self, now_ms: int) -> bytes:
        """Never while pulses are given or wanted: those live by the caller's words."""
        if self._wanted is not None or self._given is not None:
            return b""
        if self.link.sent_ms is not None and now_ms - self.link.sent_ms < KEEP_ALIVE_MS:
            return b""
        return self.link.send(wire.encode_watchdog, now_ms)

    def _pend(
        self,
        command: int,
        encode: Callable[[int], bytes],
        now_ms: int,
        setting: Setting | None = None,
        *,
        by_caller: bool = False,
        tries: int = 1,
    ) -> bytes:
        frame = self.link.send(encode, now_ms)
        self._pending = Pending(self.link.number, command, now_ms, setting, by_caller, tries)
        return frame

    # --- troubles --------------------------------------------------------------------------------

    def _drop(self) -> None:
        self._wanted = self._single = self._pending = None

    def _fall(self, why: str, *, is_gap: bool = True) -> None:
        """Stop by ourselves, and let nothing resume; the first reason stays."""
        self._drop()
        self._asked = False
        self._run += is_gap
        self._locked, self._trouble = True, self._trouble or why
        self._stop.want(by_caller=False)
        self._stop.by_caller = False

    def _report(self, stimulating: bool) -> None:
        given = None if self._given is None else self._given.given
        why = self._trouble or self._refused
        self._reports.append(Report(stimulating, self._electrode_fault, self._run, 0, given, why))
        self._refused, self._told_run = "", self._run

    # --- what arrives: each taker says whether the packet was one that this device sends -----------

    def _take_init(self, packet: wire.Packet, now_ms: int) -> bool:
        version = wire.decode_version(packet)
        if version is None:
            return False
        self._given = self._configured = None
        self._pending = None
        if self.link.greeted(version):
            self._fall("the device restarted, or its watchdog ran out")
        self._curious = True
        return True

    def _take_mode(self, packet: wire.Packet, now_ms: int) -> bool:
        """A question that arrived damaged, or at a bad moment, is asked again when its time is over."""
        mode = wire.decode_mode(packet)
        if mode is None:
            return False
        if mode.result in (wire.TRANSFER_ERROR, wire.BUSY):
            return True
        pending = self._answered(packet, now_ms)
        if pending is not None and mode.mode is None:
            self._fall(result_text(wire.GET_MODE, mode.result))
        elif pending is not None:
            self._see_mode(mode.mode == wire.MODE_STARTED, pending)
        return True

    def _see_mode(self, started: bool, pending: Pending) -> None:
        """What the device does is what it was told, or a gap."""
        if started and self._given is None:
            self._fall("pulses flow that nobody asked for")
        elif not started and self._given is not None:
            self._given = self._configured = None
            self._fall("the pulses ended by themselves")
        self._report(started)
        if pending.by_caller and not self._stop.is_open and not self._electrode_fault:
            self._locked, self._trouble = False, ""

    def _take_answer(self, packet: wire.Packet, now_ms: int) -> bool:
        """The answer to a request that energises, or prepares to."""
        result = wire.decode_result(packet, packet.command)
        if result is None:
            return False
        pending = self._answered(packet, now_ms)
        if pending is not None and result != wire.OK:
            self._fall(result_text(pending.command, result))
        elif pending is not None:
            self._granted(pending)
        return True

    def _granted(self, pending: Pending) -> None:
        if pending.command == wire.INIT_CHANNEL_LIST and pending.setting is not None:
            self._configured = pending.setting.channel_list
            return
        if pending.command == wire.START_CHANNEL_LIST:
            self._given = pending.setting
        self._report(self._given is not None)

    def _take_stopped(self, packet: wire.Packet, now_ms: int) -> bool:
        result = wire.decode_result(packet, wire.STOP_CHANNEL_LIST_ACK)
        if result is None:
            return False
        if self._stop.is_answered_by(packet.number):
            self.link.answered(self._stop.sent_ms, now_ms)
            if result == wire.OK:
                self._stopped()
            return True
        pending = self._answered(packet, now_ms)
        if pending is not None and result != wire.OK:
            self._fall(result_text(pending.command, result))
        elif pending is not None:
            self._given = self._configured = None
        return True

    def _stopped(self) -> None:
        """The stop is answered; if the caller said it, it may go on."""
        self._stop.is_open = False
        self._given = self._configured = None
        if not self._stop.by_caller:
            self._report(False)
            return
        self._electrode_fault = False
        self._report(False)
        self._locked, self._trouble = False, ""

    def _take_error(self, packet: wire.Packet, now_ms: int) -> bool:
        """Stimulation has ended by itself."""
        code = wire.decode_result(packet, wire.STIMULATION_ERROR)
        if code is None:
            return False
        self._given = self._configured = None
        self._electrode_fault = self._electrode_fault or code == wire.ELECTRODE_ERROR
        self._fall(error_text(code), is_gap=code != wire.ELECTRODE_ERROR)
        self._report(False)
        return True

    def _take_unknown(self, packet: wire.Packet, now_ms: int) -> bool:
        command = wire.decode_unknown(packet)
        if command is None:
            return False
        if self._pending is not None and self._pending.command == command:
            self._fall(f"the device does not know {NAMES[command]}")
        return True

    def _answered(self, packet: wire.Packet, now_ms: int) -> Pending | None:
        """The request that this packet answers; the way is free for the next one."""
        pending = self._pending
        if pending is None or (pending.number, pending.command + 1) != (packet.number, packet.command):
            self.link.unexpected += 1
            return None
        self._pending = None
        self.link.answered(pending.sent_ms, now_ms)
        return pending


def _may_retry(pending: Pending) -> bool:
    """Only what changes nothing is said twice."""
    return pending.command == wire.GET_MODE and pending.tries < ASK_TRIES
