"""The gateway's side of an OpenBCI Cyton: reset, identity, set-up, stream. Sans-IO.

Theory of operation
-------------------
One ``CytonHost`` belongs to one open port.  What it does, in order::

    stop   s, then 100 ms for what is left of an old stream
    reset  v; the text says model, converter and firmware: the identity, or a refusal
    setup  c where a Daisy module is named (this driver takes eight channels), d, then x...X for each channel;
           each waits for its text
    stream b; frames become blocks of two streams, eight channels and the accelerometer

Nothing else is sent while it streams: the board needs no keep-alive, and the next thing after silence is a
reset.  No text within 2 s, a text of failure, or no frame for 3 s begins again at ``stop``, one second later:
a board that was switched off or out of reach returns by itself.  A refused board is told to stop, once.

Channels are bipolar (P against N) for EMG; ``bipolar=False`` measures against the common reference (SRB2).
``Railed`` says which channels stand at the end of their range: an electrode that is off, an open lead.
The accelerometer sends zeros between its own updates (25 Hz); they are recorded as they came.

Unconfirmed: see ``drivers.cyton``; the texts of firmware 2 and 3 are those of OpenBCI's documentation.
Units: ms of the clock handed in; uV; g.
"""

import struct

from drivers import cyton
from drivers.blocks import Blocks
from drivers.host import Channel, Counters, Identity, Line, Stream
from drivers.sensor_events import Railed, Trouble

EMG = "cyton_emg"
ACCELERATION = "cyton_acceleration"

DRAIN_MS = 100
ANSWER_MS = 2_000
AGAIN_MS = 1_000
STALL_MS = 3_000
STRANGE_ANSWERS = 3
FIRMWARES = (2, 3)

_NO_ACCELERATION = -32768
_RAILS = (b"\xff\xff\x7f", b"\x00\x00\x80")


class CytonHost:
    """``streams`` says what its blocks mean, ``restarts`` how often it began again.

    Raises ``ValueError`` for a gain that the board does not have.
    """

    line = Line(cyton.BAUDRATE)

    def __init__(self, gain: int = 24, *, bipolar: bool = True) -> None:
        settings = [
            cyton.encode_channel_setting(number, gain, bipolar=bipolar)
            for number in range(1, cyton.CHANNELS + 1)
        ]
        self.streams = (_emg(gain), _acceleration())
        self.last_valid_ms: int | None = None
        self.identity: Identity | None = None
        self.refusal = ""
        self.restarts = 0
        self._settings = [cyton.DEFAULTS, *settings]
        self._texts = cyton.TextDecoder()
        self._frames = cyton.Decoder()
        self._emg = Blocks(EMG)
        self._acceleration = Blocks(ACCELERATION)
        self._answers = 0
        self._foreign = 0
        self._heard = False
        self._round_trip_ms: int | None = None
        self._steps: list[bytes] = [cyton.STOP]
        self._due_ms: int | None = None
        self._sent_ms: int | None = None
        self._is_streaming = False
        self._is_ended = False
        self._railed: tuple[int, ...] = ()
        self._events: list[object] = []

    @property
    def counters(self) -> Counters:
        """Texts understood count as frames; there are no checksums to be wrong."""
        frames = self._frames
        return Counters(frames.frames + self._answers, 0, frames.resyncs, frames.gaps, self._round_trip_ms)

    def stop(self) -> None:
        """End the stream for good: the next bytes out."""
        self._end()

    def receive(self, data: bytes, now_ms: int) -> list[object]:
        """What ``data``, and the time that passed, have brought: blocks, ``Railed``, ``Trouble``."""
        if self._is_streaming:
            self._take_frames(data, now_ms)
        elif data and not self._is_ended:
            self._heard = True
            for text in self._texts.feed(data):
                self._take_text(text, now_ms)
        self._watch(now_ms)
        events, self._events = self._events, []
        return events

    def outgoing(self, now_ms: int) -> bytes:
        """The next command, once it is due and the one before is answered."""
        if not self._steps or self._sent_ms is not None:
            return b""
        if self._due_ms is not None and now_ms < self._due_ms:
            return b""
        command = self._steps.pop(0)
        self._due_ms = None
        if command == cyton.STOP:
            self._after_stop(now_ms)
        elif command == cyton.START:
            self._frames.begin_again()
            self._is_streaming, self._due_ms = True, now_ms + STALL_MS
        else:
            self._sent_ms, self._heard = now_ms, False
        return command

    # --- the conversation ------------------------------------------------------------------------

    def _after_stop(self, now_ms: int) -> None:
        self._is_streaming = False
        if not self._is_ended:
            self._steps, self._due_ms = [cyton.RESET], now_ms + DRAIN_MS

    def _take_text(self, text: str, now_ms: int) -> None:
        if self._sent_ms is None or self._is_ended:
            return
        if "Failure" in text:
            self._again(f"the board answers '{text.strip()}': is it switched on, and in reach?", now_ms)
        elif self.identity is not None and self._steps:
            self._answered(now_ms)
        elif "OpenBCI" in text:
            self._answered(now_ms)
            self._greeted(text)
        else:
            self._met_a_stranger(f"it answers '{text.strip()[:60]}'")

    def _met_a_stranger(self, what: str) -> None:
        """Once may be the end of an old stream; a board that never says its name is another device."""
        self._foreign += 1
        if self._foreign >= STRANGE_ANSWERS:
            self._refuse(f"{what}, which no OpenBCI board does")

    def _answered(self, now_ms: int) -> None:
        self._round_trip_ms = now_ms - (self._sent_ms or now_ms)
        self._answers += 1
        self.last_valid_ms = now_ms
        self._sent_ms = None

    def _greeted(self, text: str) -> None:
        firmware = _after(text, "Firmware: v")
        self.identity = Identity(f"OpenBCI Cyton{' with Daisy' if 'Daisy' in text else ''}", "", firmware)
        against = _against(text, firmware)
        if against:
            self._refuse(against)
            return
        remove = [cyton.EIGHT_CHANNELS] if "Daisy" in text else []
        self._steps = [*remove, *self._settings, cyton.START]

    def _refuse(self, reason: str) -> None:
        self.refusal = f"not a Cyton for this driver: {reason}"
        self._end()

    def _end(self) -> None:
        self._is_ended, self._steps = True, [cyton.STOP]
        self._sent_ms = self._due_ms = None

    def _again(self, trouble: str, now_ms: int) -> None:
        self.restarts += 1
        self.identity = None
        self._is_streaming = False
        self._texts = cyton.TextDecoder()
        self._steps, self._due_ms, self._sent_ms = [cyton.STOP], now_ms + AGAIN_MS, None
        self._events.append(Trouble(trouble))

    def _watch(self, now_ms: int) -> None:
        if self._sent_ms is not None and now_ms - self._sent_ms >= ANSWER_MS:
            if self._heard and self.identity is None:
                self._met_a_stranger("it sends something else when it is asked who it is")
            if self._is_ended:
                return
            self._again("the board does not answer: is it switched on, and in reach of its dongle?", now_ms)
        elif self._is_streaming and self._due_ms is not None and now_ms >= self._due_ms:
            self._again(f"no frame for {STALL_MS // 1000} s: is the board switched on, and in reach?", now_ms)

    # --- the stream ------------------------------------------------------------------------------

    def _take_frames(self, data: bytes, now_ms: int) -> None:
        frames = self._frames.feed(data)
        if not frames:
            return
        self.last_valid_ms = now_ms
        self._due_ms = now_ms + STALL_MS
        for frame in frames:
            self._emg.add(frame.channels, frame.missing)
            self._acceleration.add(_acceleration_of(frame), frame.missing)
        self._events += self._emg.take(now_ms) + self._acceleration.take(now_ms)
        self._look_at_rails(frames[-1].channels)

    def _look_at_rails(self, channels: bytes) -> None:
        railed = tuple(
            number + 1 for number in range(cyton.CHANNELS) if channels[3 * number : 3 * number + 3] in _RAILS
        )
        if railed != self._railed:
            self._railed = railed
            self._events.append(Railed(railed))


def _emg(gain: int) -> Stream:
    scale = cyton.microvolts_per_count(gain)
    channels = tuple(Channel(f"emg_{number}", "uV", scale) for number in range(1, cyton.CHANNELS + 1))
    return Stream(EMG, cyton.RATE_HZ, "int24", channels)


def _acceleration() -> Stream:
    channels = tuple(
        Channel(f"acceleration_{axis}", "g", cyton.G_PER_COUNT, missing=_NO_ACCELERATION) for axis in "xyz"
    )
    return Stream(ACCELERATION, cyton.RATE_HZ, "int16", channels)


def _acceleration_of(frame: cyton.Frame) -> bytes:
    """Three int16, little-endian; none where the six bytes mean something else."""
    if frame.end != cyton.END_ACCELEROMETER:
        return struct.pack("<3h", *(_NO_ACCELERATION,) * 3)
    return struct.pack("<3h", *struct.unpack(">3h", frame.extra))


def _against(text: str, firmware: str) -> str:
    """What speaks against the board that said this; empty if nothing does."""
    if "ADS1299" not in text or "8bit" in text:
        return f"it says '{text.strip().splitlines()[0]}'"
    if "ADS1299 Device ID: 0x3E" not in text:
        return f"its converter says '{_after(text, 'ADS1299 Device ID: ')}' instead of 0x3E"
    major = firmware.split(".")[0]
    if not major.isdigit() or int(major) not in FIRMWARES:
        return f"its firmware is '{firmware or 'older than 2'}'; update it to 3.1"
    return ""


def _after(text: str, label: str) -> str:
    """The word behind ``label``; empty if it is not there."""
    words = text.partition(label)[2].split()
    return words[0] if words else ""
