"""The gateway's side of a BITalino: idle, identity, rate, stream. Sans-IO.

Theory of operation
-------------------
One ``BitalinoHost`` belongs to one open port.  What it does, in order, each command 100 ms behind the last,
as the maker's own client keeps it::

    idle      FF, whatever the device was doing
    identity  07; the version text is the identity, or a refusal (first generation, below 4.2)
    rate      the sampling rate
    start     the inputs; frames become blocks of one stream: the inputs, then the digital lines as one number

Nothing else is sent while it streams.  No text within 1 s, or no frame for 2 s (eight periods at 1 Hz),
begins again at ``idle``, one second later: a device that was switched off or out of reach returns by itself.
``stop`` ends with 00 while it streams and FF otherwise, because 00 outside a stream sets the battery lamp.

Inputs are raw counts, 10 bits for the first four acquired and 6 bits for a fifth and a sixth; what they
measure depends on the sensor that is plugged in.  ``Railed`` tells which inputs stand at 0 or at their
highest count, in the first and in the last frame of what arrived together.

Unconfirmed: see ``drivers.bitalino``.  Units: ms of the clock handed in; counts.
"""

import struct

from drivers import bitalino
from drivers.blocks import Blocks
from drivers.host import Channel, Counters, Identity, Line, Stream
from drivers.sensor_events import Railed, Trouble

INPUTS = "bitalino_inputs"

COMMAND_MS = 100
ANSWER_MS = 1_000
AGAIN_MS = 1_000
STALL_MS = 2_000
STRANGE_ANSWERS = 3
FIRST_FIRMWARE = (4, 2)


class BitalinoHost:
    """``inputs`` (1 to 6) are acquired at ``rate_hz``; ``streams`` says what its blocks mean.

    ``restarts``: how often it began again.  Raises ``ValueError`` for inputs or a rate that it does not have.
    """

    line = Line(bitalino.BAUDRATE)

    def __init__(self, inputs: tuple[int, ...] = (1, 2, 3, 4, 5, 6), rate_hz: int = 1000) -> None:
        self._inputs = tuple(sorted(inputs))
        self._rate = bitalino.encode_rate(rate_hz)
        self._start = bitalino.encode_start(self._inputs)
        self._stall_ms = max(STALL_MS, 2 * bitalino.FRAMES_TO_LOCK * 1000 // rate_hz)
        self.streams = (_stream(self._inputs, rate_hz),)
        self.last_valid_ms: int | None = None
        self.identity: Identity | None = None
        self.refusal = ""
        self.restarts = 0
        self._version = bitalino.VersionDecoder()
        self._frames = bitalino.Decoder(len(self._inputs))
        self._blocks = Blocks(INPUTS)
        self._layout = struct.Struct(f"<{len(self._inputs) + 1}h")
        self._answers = 0
        self._strange = 0
        self._heard = False
        self._round_trip_ms: int | None = None
        self._steps = [bitalino.IDLE, bitalino.VERSION]
        self._due_ms: int | None = None
        self._asked_ms: int | None = None
        self._is_streaming = False
        self._is_ended = False
        self._railed: tuple[int, ...] = ()
        self._events: list[object] = []

    @property
    def counters(self) -> Counters:
        """A version text counts as a frame."""
        frames = self._frames
        return Counters(
            frames.frames + self._answers, frames.damaged, frames.resyncs, frames.gaps, self._round_trip_ms
        )

    def stop(self) -> None:
        """End the stream for good: the next byte out."""
        self._end()

    def receive(self, data: bytes, now_ms: int) -> list[object]:
        """What ``data``, and the time that passed, have brought: blocks, ``Railed``, ``Trouble``."""
        if self._is_streaming:
            self._take_frames(data, now_ms)
        elif self._asked_ms is not None and data:
            self._heard = True
            for text in self._version.feed(data):
                self._greeted(text, now_ms)
        self._watch(now_ms)
        events, self._events = self._events, []
        return events

    def outgoing(self, now_ms: int) -> bytes:
        """The next command, once it is due and the one before is answered."""
        if not self._steps or self._asked_ms is not None:
            return b""
        if self._due_ms is not None and now_ms < self._due_ms:
            return b""
        command = self._steps.pop(0)
        self._due_ms = now_ms + COMMAND_MS
        if command == bitalino.VERSION:
            self._asked_ms, self._heard = now_ms, False
        elif command == self._start:
            self._frames.begin_again()
            self._is_streaming, self._due_ms = True, now_ms + self._stall_ms
        return command

    # --- the conversation ------------------------------------------------------------------------

    def _greeted(self, text: str, now_ms: int) -> None:
        if self._asked_ms is None:
            return
        self._round_trip_ms, self._asked_ms = now_ms - self._asked_ms, None
        self._answers += 1
        self.last_valid_ms = now_ms
        self.identity = Identity("BITalino", "", _firmware(text))
        if _numbers(self.identity.firmware) < FIRST_FIRMWARE:
            self._refuse(f"it says '{text}'; this driver takes firmware 4.2 and later")
        else:
            self._steps = [self._rate, self._start]

    def _refuse(self, reason: str) -> None:
        self.refusal = f"not a BITalino for this driver: {reason}"
        self._end()

    def _end(self) -> None:
        self._steps = [bitalino.STOP if self._is_streaming else bitalino.IDLE]
        self._asked_ms = self._due_ms = None
        self._is_ended, self._is_streaming = True, False

    def _again(self, trouble: str, now_ms: int) -> None:
        self.restarts += 1
        self.identity = None
        self._is_streaming = False
        self._version = bitalino.VersionDecoder()
        self._steps, self._due_ms = [bitalino.IDLE, bitalino.VERSION], now_ms + AGAIN_MS
        self._asked_ms = None
        self._events.append(Trouble(trouble))

    def _watch(self, now_ms: int) -> None:
        if self._asked_ms is not None and now_ms - self._asked_ms >= ANSWER_MS:
            self._strange += self._heard
            if self._strange >= STRANGE_ANSWERS:
                self._refuse("it sends something else when it is asked who it is")
            else:
                self._again("the device does not answer: is it switched on, and in reach?", now_ms)
        elif self._is_streaming and self._due_ms is not None and now_ms >= self._due_ms:
            self._again(f"no frame for {self._stall_ms} ms: is the device switched on, and in reach?", now_ms)

    # --- the stream ------------------------------------------------------------------------------

    def _take_frames(self, data: bytes, now_ms: int) -> None:
        frames = self._frames.feed(data)
        if not frames:
            return
        self.last_valid_ms = now_ms
        self._due_ms = now_ms + self._stall_ms
        for frame in frames:
            self._blocks.add(self._layout.pack(*frame.analogue, frame.digital), frame.missing)
        self._events += self._blocks.take(now_ms)
        self._look_at_rails(frames)

    def _look_at_rails(self, frames: list[bitalino.Frame]) -> None:
        first, last = frames[0].analogue, frames[-1].analogue
        railed = tuple(
            number
            for place, number in enumerate(self._inputs)
            if first[place] == last[place] and last[place] in (0, bitalino.HIGHEST[place])
        )
        if railed != self._railed:
            self._railed = railed
            self._events.append(Railed(railed))


def _stream(inputs: tuple[int, ...], rate_hz: int) -> Stream:
    channels = [Channel(f"input_{number}", "") for number in inputs]
    return Stream(INPUTS, rate_hz, "int16", (*channels, Channel("digital", "")))


def _firmware(text: str) -> str:
    """What stands behind ``_v``, or behind ``V`` on the first generation."""
    _, mark, firmware = text.partition("_v")
    return firmware if mark else text.partition("V")[2]


def _numbers(firmware: str) -> tuple[int, ...]:
    """5.2 as (5, 2); what is no number is 0."""
    return tuple(int(part) if part.isdigit() else 0 for part in firmware.split("."))
