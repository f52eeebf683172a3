"""The gateway's side of a P24 stimulator: who it is, what it gives, how it is stopped. Sans-IO.

Theory of operation
-------------------
One ``P24Host`` belongs to one open port and ends with it (``drivers.host``).  The caller's words are those of
``drivers.stimulation``: ``start``, ``stop``, ``ask``.  The device works in mid level: it gives the pulses by
itself and is asked how it is.

==============  ======================================================================================
stop            is the next frame out whatever is pending, drops everything that waits or is pending, and is
                said again every 100 ms until it is answered; then the stimulation status must show that
                nothing is given, or it begins anew.  Every host begins with one
identity        device id, then version, before anything else; asked again until they are known
start           init (which switches the high voltage on), update, then polls.  The same pulses again are
                only a poll: an update is sent for other pulses and never repeated
poll            the current data: for each ``start`` and ``ask``, and at least every 300 ms
==============  ======================================================================================

One request is on its way at a time, beside a stop.  A poll that gets no answer is sent twice, an update once.

**No pulses by surprise.**  The device pauses 2 s after the last update or poll, and the next update makes it
go on.  Polls would keep it going for ever.  So the host stops it itself where nobody has said ``start`` for
600 ms, and an update goes out only in a conversation without a gap: silence of ours and 500 ms without an
answer both end the run long before the 2 s.  A reply that did not come, an error, pulses that ended or flowed
unasked: the run ends, the device is stopped, and ``start`` is refused until a stop or an answered ask.  An
electrode that is off stops all channels, until a stop.

The device is told to stop only the bad channel by itself (init 0): told to stop all, it may not say any more
which one it was (a remark of the authors of science-mode-4, unconfirmed).  This host stops the others.

**What it is.**  The device tells a serial number and its versions, not its model.  Refused: another protocol
than ScienceMode4, and a device that knows no stimulation, such as the I24, which speaks the same protocol but
measures only.  By its maker's instructions the P24 is not for medical use: ``NOTICE``.

Life: ``last_valid_ms`` is when the last reply arrived; our own frames that come back, as from an echoing
line, are none.

Sources: ``drivers.sciencemode4``.  Unconfirmed on a device: everything here; in particular what a stop is
answered with where nothing was initialised, and whether the status after a stop is 0.  Units: ms of the clock
handed in; those of ``drivers.stimulation``.
"""

from collections.abc import Callable

from drivers import p24_channels as channels
from drivers import p24_pulses, sciencemode4
from drivers import sciencemode4_messages as messages
from drivers.host import Counters, Identity, Line
from drivers.p24_pulses import Wish
from drivers.p24_requests import STOP_TRIES, Request, Stop
from drivers.sciencemode4 import Packet
from drivers.stimulation import Pulses, PulsesRefused, Report

NOTICE = (
    "Not for medical use, by its maker's instructions (P24 instructions for use v1.1). On a person it is an "
    "investigation that needs its approvals and the site's signed line in the configuration."
)

SILENCE_MS = 600
POLL_MS = 300
TELL_MS = 100
BATTERY_MS = 60_000

_IDENTITY = (messages.DEVICE_ID, messages.EXTENDED_VERSION)
_OPTIONAL = (*_IDENTITY, messages.BATTERY)
_OF_EVERY_STIMULATOR = (*_IDENTITY, messages.STIMULATION_STATUS, messages.ML_INIT)
_PROTOCOL = "4"
_ERRORS = (messages.GENERAL_ERROR, messages.UNKNOWN_COMMAND)
_REPLIES = (*_ERRORS, *[command + 1 for command in messages.NAMES])


class P24Host:
    """``battery``: percent and mV, ``None`` before it is known.

    Counters beside those of ``drivers.host``: ``unexpected`` (replies that nobody waited for, frames of ours
    that came back), ``invalid`` (the checksum right, the content not as it should be), ``unanswered``
    (requests that got no reply in all their tries).
    """

    line = Line(3_000_000, stop_bits=2)

    def __init__(self, interphase_gap_us: int = 0) -> None:
        if not p24_pulses.is_gap(interphase_gap_us):
            raise ValueError(f"a gap of {interphase_gap_us} us between the phases: use 0, or 10 to 4095")
        self.battery: tuple[int, int] | None = None
        self.unexpected = 0
        self.invalid = 0
        self.unanswered = 0
        self._gap_us = interphase_gap_us
        self._last_valid_ms: int | None = None
        self._round_trip_ms: int | None = None
        self._decoder = sciencemode4.Decoder()
        self._events: list[object] = []
        self._number = 0
        self._device_id: str | None = None
        self._version: messages.Version | None = None
        self._refusal = ""
        self._run = 1
        self._interrupted = ""
        self._untold = ""
        self._faults = 0
        self._pending: Request | None = None
        self._wish: Wish | None = None
        self._wished_ms: int | None = None
        self._repeated = False
        self._told: Wish | None = None
        self._initialised = False
        self._polled_ms = 0
        self._battery_due_ms: int | None = None
        self._asked = False
        self._tell = False
        self._stop: Stop | None = Stop(self._next_number())
        self._takers: dict[int, Callable[[Request, Packet, int], bool]] = {
            messages.DEVICE_ID: self._take_device_id,
            messages.EXTENDED_VERSION: self._take_version,
            messages.BATTERY: self._take_battery,
            messages.STIMULATION_STATUS: self._take_status,
            messages.ML_INIT: self._take_init,
            messages.ML_UPDATE: self._take_update,
            messages.ML_CURRENT_DATA: self._take_current_data,
        }

    @property
    def last_valid_ms(self) -> int | None:
        """When the last reply arrived."""
        return self._last_valid_ms

    @property
    def identity(self) -> Identity | None:
        """Serial number and firmware; the model is what the driver takes it for."""
        if self._device_id is None or self._version is None:
            return None
        return Identity(p24_pulses.DEVICE, self._device_id, self._version.firmware)

    @property
    def refusal(self) -> str:
        """Why this is no stimulator for this driver."""
        return self._refusal

    @property
    def counters(self) -> Counters:
        """What went over the link; ``gaps`` are requests without a reply."""
        decoder = self._decoder
        return Counters(
            decoder.frames, decoder.checksum_errors, decoder.resyncs, self.unanswered, self._round_trip_ms
        )

    # --- what may be asked -----------------------------------------------------------------------

    def start(self, pulses: Pulses) -> None:
        """Give these pulses, or go on giving them; to be said again within 600 ms.

        Raises ``PulsesRefused``.  Refused without an error, and told in the next report, while a gap or an
        electrode that is off has not been answered by a stop.
        """
        try:
            wish = p24_pulses.wish(pulses, self._gap_us)
        except PulsesRefused as refused:
            self._untold = str(refused)
            self._begin_stop()
            raise
        self._tell = True
        if self._faults:
            self._untold = self._fault_words()
        elif not self._interrupted:
            self._wish, self._repeated = wish, True

    def stop(self) -> None:
        """Give none: the next frame, and what waited is dropped. Ends what ``start`` was refused for."""
        self._interrupted, self._faults = "", 0
        self._begin_stop()

    def ask(self) -> None:
        """Say how you are, and change nothing."""
        self._asked = True

    # --- bytes -----------------------------------------------------------------------------------

    def outgoing(self, now_ms: int) -> bytes:
        """What is to be sent now: a stop before everything, then at most one request."""
        self._pass(now_ms)
        said = b"" if self._stop is None else self._stop_bytes(self._stop, now_ms)
        if said:
            return said
        if self._pending is None:
            self._pending = self._next(now_ms)
        return b"" if self._pending is None else self._pending.outgoing(now_ms)

    def receive(self, data: bytes, now_ms: int) -> list[object]:
        """The device's reports, oldest first. Never raises."""
        for packet in self._decoder.feed(data):
            self._take(packet, now_ms)
        self._pass(now_ms)
        events, self._events = self._events, []
        return events

    def _stop_bytes(self, stop: Stop, now_ms: int) -> bytes:
        said = stop.outgoing(now_ms)
        if said and stop.tries == STOP_TRIES + 1:
            self.unanswered += 1
            self._interrupt("no answer to a stop")
        return said

    # --- what is asked next ----------------------------------------------------------------------

    def _next(self, now_ms: int) -> Request | None:
        command = None if self._refusal else self._next_command(now_ms)
        return None if command is None else self._request(command, now_ms)

    def _next_command(self, now_ms: int) -> int | None:
        if self._device_id is None or self._version is None:
            return messages.DEVICE_ID if self._device_id is None else messages.EXTENDED_VERSION
        if self._stop is not None:
            return messages.STIMULATION_STATUS
        if self._wish is not None:
            return self._next_of_run(now_ms)
        if self._asked or self._tell:
            return messages.STIMULATION_STATUS
        due = self._battery_due_ms is None or now_ms >= self._battery_due_ms
        return messages.BATTERY if due else None

    def _next_of_run(self, now_ms: int) -> int | None:
        """An update goes before a poll, unless the poll is overdue."""
        if not self._initialised:
            return messages.ML_INIT
        news, polled_ago_ms = self._is_news(), now_ms - self._polled_ms
        if news and polled_ago_ms < POLL_MS:
            return messages.ML_UPDATE
        most_ms = TELL_MS if self._asked or self._tell else POLL_MS
        return messages.ML_CURRENT_DATA if polled_ago_ms >= most_ms else None

    def _is_news(self) -> bool:
        told = None if self._told is None else self._told.trains
        return self._wish is not None and self._wish.trains != told

    def _request(self, command: int, now_ms: int) -> Request:
        request = Request(command, self._next_number())
        if command == messages.ML_UPDATE and self._wish is not None:
            request.wish = self._wish
            request.data = self._wish.update
        elif command == messages.ML_INIT:
            request.data = messages.encode_ml_init(stop_all_on_error=False)
        elif command == messages.BATTERY:
            self._battery_due_ms = now_ms + BATTERY_MS
        elif command in (messages.ML_CURRENT_DATA, messages.STIMULATION_STATUS):
            self._ask_with(request, now_ms)
        return request

    def _ask_with(self, request: Request, now_ms: int) -> None:
        if request.command == messages.ML_CURRENT_DATA:
            request.data = messages.encode_current_data_request()
        request.asked = self._asked
        self._asked, self._tell, self._polled_ms = False, False, now_ms

    def _next_number(self) -> int:
        self._number = (self._number + 1) % sciencemode4.NUMBERS
        return self._number

    # --- time that passes, words that do not come ------------------------------------------------

    def _pass(self, now_ms: int) -> None:
        self._hear_the_caller(now_ms)
        request = self._pending
        if request is None or not request.is_lost(now_ms):
            return
        self._pending = None
        self.unanswered += 1
        if request.command not in _OPTIONAL:
            self._interrupt(f"no answer to '{messages.NAMES[request.command]}'")

    def _hear_the_caller(self, now_ms: int) -> None:
        """A start is good for 600 ms; one that comes later than that resumes nothing."""
        if self._wish is None:
            return
        if self._wished_ms is not None and not 0 <= now_ms - self._wished_ms <= SILENCE_MS:
            self._interrupt(f"nobody asked for the pulses for {SILENCE_MS} ms")
        elif self._repeated:
            self._wished_ms, self._repeated = now_ms, False

    def _interrupt(self, why: str) -> None:
        """The run is over; nothing of it goes on by itself."""
        if not self._interrupted:
            self._run += 1
            self._interrupted = self._untold = why
        self._begin_stop()

    def _begin_stop(self, command: int = messages.ML_STOP) -> None:
        """What waits or is pending is dropped, but for a question that changes nothing: a caller that says
        stop with every turn would else never hear how the device is."""
        if self._pending is not None and self._pending.command != messages.STIMULATION_STATUS:
            self._pending = None
        self._wish, self._wished_ms, self._told = None, None, None
        self._initialised = self._asked = self._tell = self._repeated = False
        if self._stop is None or self._stop.answered:
            self._stop = Stop(self._next_number(), command)

    # --- what arrives ----------------------------------------------------------------------------

    def _take(self, packet: Packet, now_ms: int) -> None:
        if packet.command not in _REPLIES:
            self.unexpected += 1
            return
        self._last_valid_ms = now_ms
        stop = self._stop
        if stop is not None and not stop.answered and packet.number == stop.number:
            stop.answered = packet.command in (stop.command + 1, *_ERRORS)
        elif packet.command in _ERRORS:
            self._take_error(packet)
        elif self._pending is not None and self._pending.is_reply(packet):
            self._take_reply(self._pending, packet, now_ms)
        else:
            self.unexpected += 1

    def _take_error(self, packet: Packet) -> None:
        """The device answers some request with an error; one that names no request of ours ends the run."""
        result = messages.decode_result(packet.data)
        unknown = packet.command == messages.UNKNOWN_COMMAND or result == messages.INVALID_COMMAND
        words = "unknown command" if unknown else channels.words(result)
        if self._pending is None or self._pending.number != packet.number:
            self._interrupt(f"the stimulator says: {words}")
        else:
            self._fail(self._pending, words, unknown)

    def _take_reply(self, request: Request, packet: Packet, now_ms: int) -> None:
        self._round_trip_ms = now_ms - request.sent_ms
        result = messages.decode_result(packet.data)
        if result == messages.BUSY:
            request.again(now_ms)
        elif self._takers[request.command](request, packet, now_ms):
            if self._pending is request:
                self._pending = None
        elif result == messages.OK or result is None:
            self.invalid += 1
        else:
            self._fail(request, channels.words(result), result == messages.INVALID_COMMAND)

    def _fail(self, request: Request, words: str, unknown: bool) -> None:
        """The device refused a request."""
        name = messages.NAMES[request.command]
        if unknown and request.command in _OF_EVERY_STIMULATOR:
            self._pending = None
            self._refuse(
                f"it does not know '{name}', which every ScienceMode4 stimulator does. An I24 measures and "
                "cannot stimulate. Connect the P24 here, or correct the path in the configuration."
            )
        elif request.command not in _OPTIONAL:
            self._pending = None
            self._interrupt(f"'{name}' failed: {words}")

    def _refuse(self, why: str) -> None:
        """This is no device for this driver. A stop that it has not answered yet goes on being said."""
        self._refusal = why
        self._begin_stop()

    def _take_device_id(self, request: Request, packet: Packet, now_ms: int) -> bool:
        self._device_id = messages.decode_device_id(packet.data)
        return self._device_id is not None

    def _take_version(self, request: Request, packet: Packet, now_ms: int) -> bool:
        self._version = messages.decode_version(packet.data)
        if self._version is not None and self._version.protocol.split(".")[0] != _PROTOCOL:
            self._refuse(
                f"it speaks ScienceMode {self._version.protocol}, this driver ScienceMode 4. Connect a P24 "
                "here, or correct the configuration."
            )
        return self._version is not None

    def _take_battery(self, request: Request, packet: Packet, now_ms: int) -> bool:
        battery = messages.decode_battery(packet.data)
        self.battery = battery if battery is not None else self.battery
        return battery is not None

    def _take_init(self, request: Request, packet: Packet, now_ms: int) -> bool:
        self._initialised = packet.data == bytes((messages.OK,))
        self._polled_ms = now_ms
        return self._initialised

    def _take_update(self, request: Request, packet: Packet, now_ms: int) -> bool:
        if packet.data != bytes((messages.OK,)):
            return False
        self._told = request.wish
        return True

    def _take_status(self, request: Request, packet: Packet, now_ms: int) -> bool:
        status = messages.decode_stimulation_status(packet.data)
        if status is None:
            return False
        mode, _ = status
        if mode in (messages.UNINITIALISED, messages.MID_LEVEL):
            self._found_at_rest()
        else:
            self._found_at_work(mode)
        self._report(request, stimulating=mode == messages.MID_LEVEL_RUNNING)
        return True

    def _found_at_rest(self) -> None:
        """A status that was asked for before the stop was answered proves nothing about it."""
        if self._stop is not None and self._stop.answered:
            self._stop = None

    def _found_at_work(self, mode: int) -> None:
        if self._stop is None:
            self._interrupt("it was found stimulating though nobody had asked for it")
        self._begin_stop(messages.LL_STOP if mode == messages.LOW_LEVEL else messages.ML_STOP)

    def _take_current_data(self, request: Request, packet: Packet, now_ms: int) -> bool:
        current = messages.decode_current_data(packet.data)
        if current is None:
            return False
        self._judge(current)
        self._report(request, stimulating=current.active != 0)
        return True

    def _judge(self, current: messages.CurrentData) -> None:
        """Whether the device does what it was told, and only that."""
        wanted = 0 if self._told is None else self._told.given.channels
        off = channels.electrodes_off(current, wanted)
        if off:
            self._faults |= off
            self._untold = self._fault_words()
            self._begin_stop()
            return
        trouble = channels.trouble(current, wanted)
        if trouble:
            self._interrupt(trouble)

    def _fault_words(self) -> str:
        return f"electrode off, channel {channels.numbers(self._faults)}"

    def _report(self, request: Request, stimulating: bool) -> None:
        given = None if self._told is None else self._told.given
        result = self._untold or self._interrupted
        self._events.append(Report(stimulating, self._faults != 0, self._run, self._faults, given, result))
        self._untold = ""
        if request.asked and not stimulating:
            self._interrupted = ""
