"""The gateway's side of a SunTech Advantage OEM module: blood pressure of a free limb. Sans-IO.

Theory of operation
-------------------
One ``NibpHost`` belongs to one open port (``drivers.host``); the messages are ``drivers.suntech``.

=============  =======================================================================================
identify       module data, then the return text: firmware, serial number.  A firmware text that does not
               begin with a known prefix is ``refused``: nothing is sent but an abort that is asked for
abort          the next bytes out whatever is pending; again every 500 ms until the readings of 2 s, all
               taken after it, show the cuff at 15 mmHg or less (one is no proof: a measurement begins so).
               Wanted after identification: the module may be measuring for a gateway that is gone; when it
               answers "busy" to who it is; and for any pressure that nobody asked for
cuff pressure  asked every 500 ms, every 250 ms while the cuff is in use: the module's sign of life
measure        only when idle, deflated and heard of late; ack O within 500 ms, else abort (a start is
               never tried twice); ack K when it is over, then the result is read.  130 s at most, then abort
stasis         a venous occlusion of an adult, 30 to 140 mmHg.  The unit of its time is unconfirmed: without
               ``confirmed_time_unit_ms`` from the site's configuration it is refused.  The caller renews it
               every second; not renewed, over, or 20 mmHg above its target, it is aborted
always         without a cuff pressure for 2 s, or with one above 300 mmHg, what is under way is aborted;
               after 5 s without a word it is asked again who it is: another may stand on the line
=============  =======================================================================================

A result counts when its error code is 0 and its values are those of a person.  The module measures by itself:
if we fall silent in the middle it ends the measurement and lets the air out; its safety timer (error 88) ends
what lasts too long.  The timer's length is unconfirmed.

**Not for arterial occlusion.**  A module that is made to let go within minutes is used for blood pressure
and for venous occlusion, for nothing else.  When a blood pressure is due is decided by
``drivers.blood_pressure_taker``.

Life: ``last_valid_ms`` is when the last valid frame arrived; our frames begin with another mark, so an echo
is none.  Units: mmHg, ms of the clock handed in.
"""

from dataclasses import dataclass

from drivers import suntech as wire
from drivers.host import Counters, Identity, Line
from drivers.nibp_events import (
    BloodPressureTaken,
    CuffPressure,
    Identified,
    MeasurementFailed,
    MeasurementStarted,
    RequestLost,
    StasisEnded,
    StasisStarted,
)

KNOWN_FIRMWARE = ("LX", "SB")
"""How the firmware text begins: Advantage, Advantage A+. From one third-party source: unconfirmed."""

POLL_MS = 500
POLL_IN_USE_MS = 250
REPLY_TIMEOUT_MS = 500
ABORT_AGAIN_MS = 500
AGAIN_MS = 1_000
TRIES = 3
DEFLATED_MMHG = 15
READING_AGE_MS = 2_000
EMPTY_MS = 2_000
"""So long empty after an abort proves it heeded; a cuff that fills is above 15 mmHg within a second."""

STRANGER_MS = 5_000
MEASUREMENT_LONGEST_MS = 130_000
"""A third-party monitor warns at 130 s; adults' standards end a measurement at 180 s (from memory)."""

HIGHEST_MMHG = 300
"""The limit of an adult's cuff in IEC 80601-2-30, from memory."""

STASIS_LONGEST_MS = 180_000
STASIS_ABOVE_MMHG = 20
LEASE_MS = 1_000

_ADULT = (30, 260)
_RATE = (20, 300)


@dataclass(frozen=True, slots=True)
class _Command:
    """What is asked, what answers it; ``once``: it moves air, so that it is never tried again."""

    name: str
    frame: bytes
    answers: type
    once: bool = False


_MODULE = _Command("module data", wire.encode_command(wire.MODULE_DATA), wire.Ack)
_TEXT = _Command("return text", wire.encode_command(wire.ASK, wire.RETURN_TEXT), wire.ReturnText)
_PRESSURE = _Command("cuff pressure", wire.encode_command(wire.ASK, wire.CUFF_PRESSURE), wire.CuffPressure)
_RESULT = _Command("blood pressure", wire.encode_command(wire.ASK, wire.BLOOD_PRESSURE), wire.BloodPressure)
_MEASURE = _Command("measure", wire.encode_command(wire.MEASURE_ADULT), wire.Ack, once=True)
_ABORT = wire.encode_command(wire.ASK, wire.ABORT)


@dataclass(slots=True)
class _Stasis:
    """A venous occlusion on its way (``ends_ms`` None) or under way."""

    pressure_mmhg: int
    duration_ms: int
    lease_until_ms: int
    ends_ms: int | None = None


class NibpHost:
    """``confirmed_time_unit_ms``: what one unit of a stasis time lasts, as the site has measured it.

    Counters beside ``counters``: ``unexpected`` (answers that nobody waited for), ``retries``.
    """

    line = Line(9600)
    streams = ()

    def __init__(
        self, confirmed_time_unit_ms: int | None = None, known_firmware: tuple[str, ...] = KNOWN_FIRMWARE
    ) -> None:
        if confirmed_time_unit_ms is not None and confirmed_time_unit_ms <= 0:
            raise ValueError(f"a confirmed time unit of {confirmed_time_unit_ms} ms is none: leave it out")
        self._time_unit_ms = confirmed_time_unit_ms
        self._known_firmware = known_firmware
        self.last_valid_ms: int | None = None
        self.unexpected = 0
        self.retries = 0
        self._decoder = wire.Decoder()
        self._events: list[object] = []
        self._identity: Identity | None = None
        self._refusal = ""
        self._module_told = False
        self._pending: _Command | None = None
        self._sent_ms = 0
        self._tries = 0
        self._not_before_ms = 0
        self._due: _Command | None = None
        self._polled_ms: int | None = None
        self._round_trip_ms: int | None = None
        self._reading: CuffPressure | None = None
        self._aborting = False
        self._aborted_ms: int | None = None
        self._empty_ms: int | None = None
        self._measuring_ms: int | None = None
        self._stasis: _Stasis | None = None

    # --- what drivers.host asks for ----------------------------------------------------------------

    @property
    def identity(self) -> Identity | None:
        """Who the module is, once it has said so."""
        return self._identity

    @property
    def refusal(self) -> str:
        """Why it is not used."""
        return self._refusal

    @property
    def counters(self) -> Counters:
        """Nothing of its frames is numbered, so that gaps cannot be counted."""
        decoder = self._decoder
        resyncs = decoder.resyncs + decoder.invalid
        return Counters(decoder.frames, decoder.checksum_errors, resyncs, 0, self._round_trip_ms)

    # --- what may be asked -------------------------------------------------------------------------

    @property
    def measuring(self) -> bool:
        """Whether a blood pressure is being taken, or its result read."""
        return self._measuring_ms is not None or self._due in (_MEASURE, _RESULT)

    @property
    def aborting(self) -> bool:
        """Whether an abort is wanted that no reading has shown heeded."""
        return self._aborting

    @property
    def stasis(self) -> bool:
        """Whether a venous occlusion is on its way or under way."""
        return self._stasis is not None

    def measure(self, now_ms: int) -> str:
        """Take a blood pressure of an adult. Returns why not, or an empty text."""
        why = self.use_refusal(now_ms)
        if not why:
            self._due = _MEASURE
            self._measuring_ms = now_ms
        return why

    def hold_stasis(self, pressure_mmhg: int, duration_ms: int, now_ms: int) -> str:
        """Hold a venous occlusion. To be said again within each second. Returns why not, or an empty text.

        Said again with the same pressure it is renewed; how long it lasts was decided the first time.
        """
        if self._stasis is not None and self._stasis.pressure_mmhg == pressure_mmhg:
            self._stasis.lease_until_ms = now_ms + LEASE_MS
            return ""
        why = self._stasis_refusal(pressure_mmhg, duration_ms) or self.use_refusal(now_ms)
        if not why and self._time_unit_ms is not None:
            frame = wire.encode_stasis(pressure_mmhg, duration_ms // self._time_unit_ms)
            self._due = _Command("venous stasis", frame, wire.Ack, once=True)
            self._stasis = _Stasis(pressure_mmhg, duration_ms, now_ms + LEASE_MS)
        return why

    def abort(self) -> None:
        """Let the air out, now and until the readings of 2 s show it. Calling it each cycle costs nothing."""
        self._give_up("aborted")

    def use_refusal(self, now_ms: int) -> str:
        """Why the cuff cannot be used now; empty where it can."""
        if self._refusal or self._identity is None:
            return self._refusal or "the blood pressure module has not said who it is"
        if self.measuring or self.stasis or self._aborting:
            return "the blood pressure module is busy"
        reading = self._reading
        if reading is None or not self._is_fresh(now_ms):
            return "the blood pressure module tells no cuff pressure"
        if reading.mmhg > DEFLATED_MMHG:
            return f"its cuff is not empty: {reading.mmhg} mmHg"
        return ""

    def _is_fresh(self, now_ms: int) -> bool:
        """Whether a cuff pressure has come of late."""
        return self._reading is not None and now_ms - self._reading.arrived_ms <= READING_AGE_MS

    def _stasis_refusal(self, pressure_mmhg: int, duration_ms: int) -> str:
        """Why the module cannot hold this."""
        unit_ms = self._time_unit_ms
        if unit_ms is None:
            return (
                "venous stasis is not driven: the unit of its time is unconfirmed. Measure it on the bench "
                "and set it in the configuration."
            )
        if not wire.STASIS_LOWEST_MMHG <= pressure_mmhg <= wire.STASIS_HIGHEST_MMHG:
            return f"a venous stasis of {pressure_mmhg} mmHg is not within 30 to 140 mmHg"
        longest_ms = min(wire.STASIS_LONGEST * unit_ms, STASIS_LONGEST_MS)
        if not wire.STASIS_SHORTEST * unit_ms <= duration_ms <= longest_ms:
            return (
                f"a venous stasis of {duration_ms} ms is not within "
                f"{wire.STASIS_SHORTEST * unit_ms} to {longest_ms} ms"
            )
        return ""

    # --- bytes -------------------------------------------------------------------------------------

    def outgoing(self, now_ms: int) -> bytes:
        """What is to be sent now: an abort first, then at most one command."""
        self._pass_time(now_ms)
        order = self._abort_bytes(now_ms)
        if order or self._pending is not None:
            return order
        command = self._next_command(now_ms)
        if command is None:
            return b""
        self._pending, self._sent_ms = command, now_ms
        self._tries += 1
        self.retries += self._tries > 1
        return command.frame

    def receive(self, data: bytes, now_ms: int) -> list[object]:
        """What ``data``, and the time that passed, have brought; oldest first. Never raises."""
        for message in self._decoder.feed(data):
            self.last_valid_ms = now_ms
            self._take(message, now_ms)
        self._pass_time(now_ms)
        events, self._events = self._events, []
        return events

    def _abort_bytes(self, now_ms: int) -> bytes:
        said_ms = self._aborted_ms
        if not self._aborting or (said_ms is not None and now_ms - said_ms < ABORT_AGAIN_MS):
            return b""
        self._aborted_ms = now_ms
        self._aborting = not self._refusal  # to a stranger it is said once
        return _ABORT

    def _next_command(self, now_ms: int) -> _Command | None:
        if self._refusal or now_ms < self._not_before_ms:
            return None
        if self._due is not None:
            return self._due
        if self._identity is None:
            return _TEXT if self._module_told else _MODULE
        in_use = self.measuring or self.stasis or self._aborting
        if self._polled_ms is None or now_ms - self._polled_ms >= (POLL_IN_USE_MS if in_use else POLL_MS):
            self._polled_ms = now_ms
            return _PRESSURE
        return None

    # --- time --------------------------------------------------------------------------------------

    def _pass_time(self, now_ms: int) -> None:
        if self._pending is not None and now_ms - self._sent_ms >= REPLY_TIMEOUT_MS:
            self._unanswered(self._pending, now_ms)
        if self._measuring_ms is not None and now_ms - self._measuring_ms > MEASUREMENT_LONGEST_MS:
            self._give_up("the measurement took longer than 130 s")
        if (self.measuring or self.stasis) and not self._is_fresh(now_ms):
            self._give_up("the module tells no cuff pressure any more")
        self._doubt(now_ms)
        stasis = self._stasis
        if stasis is not None and now_ms > stasis.lease_until_ms:
            self._give_up("nobody asked for the venous occlusion any more")
        elif stasis is not None and stasis.ends_ms is not None and now_ms >= stasis.ends_ms:
            self._give_up("the time asked for is over")

    def _doubt(self, now_ms: int) -> None:
        """After so long a silence another module may stand on this line: ask again who it is."""
        known = self._identity is not None and not self._refusal and self.last_valid_ms is not None
        if known and now_ms - (self.last_valid_ms or 0) > STRANGER_MS:
            self._identity = self._reading = None
            self._module_told = False

    def _unanswered(self, command: _Command, now_ms: int) -> None:
        self._pending = None
        if not command.once and self._tries < TRIES:
            return
        self._events.append(RequestLost(command.name, self._tries))
        self._tries = 0
        if command.once or command is _RESULT:
            self._give_up(f"the module did not answer '{command.name}'")
        elif command is not _PRESSURE:
            self._module_told = False
            self._not_before_ms = now_ms + AGAIN_MS

    def _give_up(self, text: str, code: int | None = None) -> None:
        """End what is under way, tell why, and let the air out."""
        if self.measuring:
            self._events.append(MeasurementFailed(text, code))
        if self._stasis is not None:
            self._events.append(StasisEnded(text))
        self._measuring_ms = self._stasis = self._due = None
        if self._pending is not None and (self._pending.once or self._pending is _RESULT):
            self._answered()
        if not self._aborting:
            self._aborting, self._aborted_ms, self._empty_ms = True, None, None

    def _answered(self) -> None:
        self._pending, self._tries = None, 0

    # --- what arrives --------------------------------------------------------------------------------

    def _take(self, message: tuple[object, ...], now_ms: int) -> None:
        if isinstance(message, wire.Ack):
            self._take_ack(message.letter, now_ms)
        elif self._pending is None or not isinstance(message, self._pending.answers):
            self.unexpected += 1
        else:
            self._round_trip_ms = now_ms - self._sent_ms
            self._answered()
            if isinstance(message, wire.CuffPressure):
                self._take_pressure(message.mmhg, now_ms)
            elif isinstance(message, wire.ReturnText):
                self._take_text(message)
            elif isinstance(message, wire.BloodPressure):
                self._take_result(message, now_ms)

    def _take_ack(self, letter: str, now_ms: int) -> None:
        pending = self._pending
        waited = pending is not None and pending.answers is wire.Ack
        if waited and pending is _MODULE:
            self._module_acknowledged(letter, now_ms)
        elif waited and letter == wire.RECEIVED:
            self._answered()
            self._begun(now_ms)
        elif waited and letter != wire.EXECUTED:
            self._answered()
            self._give_up(f"the module did not begin: {wire.ACKS[letter]}")
        elif letter == wire.EXECUTED and self._measuring_ms is not None and not self._aborting:
            self._due = _RESULT
        elif letter != wire.ABORTED:
            self.unexpected += 1

    def _module_acknowledged(self, letter: str, now_ms: int) -> None:
        if letter == wire.EXECUTED:
            self._answered()
            self._module_told = True
        elif letter != wire.RECEIVED:
            self._answered()
            self._not_before_ms = now_ms + AGAIN_MS
            if letter == wire.BUSY:
                self._give_up("busy")

    def _begun(self, now_ms: int) -> None:
        self._due = None
        stasis = self._stasis
        if stasis is not None:
            stasis.ends_ms = now_ms + stasis.duration_ms
            self._events.append(StasisStarted(stasis.pressure_mmhg, stasis.ends_ms))
        else:
            self._measuring_ms = now_ms
            self._events.append(MeasurementStarted(now_ms))

    def _take_pressure(self, mmhg: int | None, now_ms: int) -> None:
        if mmhg is None:
            return
        self._reading = CuffPressure(mmhg, now_ms)
        self._events.append(self._reading)
        self._look_at_abort(mmhg, now_ms)
        if mmhg > DEFLATED_MMHG and not (self.measuring or self.stasis):
            self.abort()  # the rest of a measurement, or a pressure that nobody asked for
        stasis = self._stasis
        most = HIGHEST_MMHG if stasis is None else stasis.pressure_mmhg + STASIS_ABOVE_MMHG
        if (self.measuring or self.stasis) and mmhg > most:
            self._give_up(f"{mmhg} mmHg in a cuff that is to have at most {most}")

    def _look_at_abort(self, mmhg: int, now_ms: int) -> None:
        """Whether the abort was heeded: one empty reading is also what a measurement begins with."""
        said_ms = self._aborted_ms
        if not self._aborting or said_ms is None or mmhg > DEFLATED_MMHG:
            self._empty_ms = None
        elif self._empty_ms is None:
            self._empty_ms = self._sent_ms if self._sent_ms >= said_ms else None
        elif now_ms - self._empty_ms >= EMPTY_MS:
            self._aborting, self._empty_ms = False, None

    def _take_text(self, text: wire.ReturnText) -> None:
        self._identity = Identity("SunTech Advantage OEM", text.serial, text.firmware)
        if text.firmware.startswith(self._known_firmware):
            self.abort()
        else:
            self._refusal = (
                f"its firmware '{text.firmware}' is not one of a SunTech Advantage that this driver knows "
                f"({', '.join(self._known_firmware)}). Connect that module, or add its firmware in the "
                "configuration."
            )
        self._events.append(Identified(self._identity, self._refusal))

    def _take_result(self, result: wire.BloodPressure, now_ms: int) -> None:
        started_ms, self._measuring_ms, self._due = self._measuring_ms, None, None
        if result.error or started_ms is None:
            self._events.append(MeasurementFailed(wire.error_text(result.error), result.error))
        elif not _is_of_a_person(result):
            self._events.append(MeasurementFailed("the values that it told are not those of a person"))
        else:
            self._events.append(
                BloodPressureTaken(
                    result.systolic, result.diastolic, result.mean, result.rate, started_ms, now_ms
                )
            )


def _is_of_a_person(result: wire.BloodPressure) -> bool:
    low, high = _ADULT
    in_order = low <= result.diastolic < result.mean < result.systolic <= high
    return bool(in_order and _RATE[0] <= result.rate <= _RATE[1])
