"""The hub: what it answers, and the packets that it sends by itself.

Theory of operation
-------------------
``receive(bytes, now_ms)`` answers what the host asked, ``step(now_ms, device_us)`` looks after the sensors
and makes packets, ``outgoing()`` hands over what is to be sent.  There is no clock and no IO in here but the
board object.

The hub is silent after a reset and until it is started; its sensors are powered down then.  While it
streams, the first wanted stream *leads*: a packet goes out for each of its blocks and takes along one block
of each other stream that has one, so that a host decides once a packet.  When the leading stream has nothing
for two periods, the others go without it; when nobody has anything for ``STATUS_MS``, a packet without
blocks tells the flags.

When nobody collects what is to be sent, no packets are made and the samples wait with the board; what no
longer fits there is lost, and the indices tell how much.  Replies that nobody collects are dropped whole.  A
host that is not heard for ``hub.SILENT_HOST_MS`` has gone: the hub stops.

Units: ``now_ms`` of a clock that never wraps, ``device_us`` modulo 2**30.
Portable subset: runs on CPython and on MicroPython.
"""

from .. import ecp, fields, hub
from .board import Board

VERSION = (0, 1, 0)
STATUS_MS = 100
MOST_AT_ONCE = 8
"""Packets of one step: a hub that comes late catches up without keeping its host's requests waiting."""

_LONGEST_REQUEST = 32
_MOST_OUTGOING = 2048
_MOST_HELD = 512


class Device:
    """One hub on one wire."""

    def __init__(
        self, board: Board, now_ms: int, nonce: int, serial: bytes = b"", board_name: bytes = b""
    ) -> None:
        self.board = board
        self.decoder = ecp.Decoder(_LONGEST_REQUEST)
        self.wanted = 0
        self.dropped = 0
        self.hello = hub.Hello(
            hub.PROTOCOL_MIN,
            hub.PROTOCOL_MAX,
            VERSION[0],
            VERSION[1],
            VERSION[2],
            nonce,
            board.period_us,
            serial,
            board_name,
            board.streams,
        )
        self._outgoing: list[bytes] = []
        self._outgoing_bytes = 0
        self._heard_ms = now_ms
        self._sent_ms = now_ms
        self._device_us = 0
        self._counter = 0
        self._next = [0] * len(board.streams)
        self._alone_ms = max(1, 2 * board.period_us // 1000)
        self._status_ms = max(STATUS_MS, self._alone_ms)
        board.stop()

    def receive(self, data: bytes, now_ms: int) -> None:
        """Take what the host sent and queue the replies."""
        for packet in self.decoder.feed(data):
            self._send(self._answer(packet, now_ms))

    def step(self, now_ms: int, device_us: int) -> None:
        """Look after the sensors; make the packets that are due."""
        self._device_us = device_us
        self.board.poll()
        if self.wanted and now_ms - self._heard_ms > hub.SILENT_HOST_MS:
            self._stop()
        for _ in range(MOST_AT_ONCE if self.wanted else 0):
            layout = self._due(now_ms)
            if layout < 0 or self._outgoing_bytes > _MOST_HELD:
                return
            self._send_samples(layout)
            self._sent_ms = now_ms

    def outgoing(self) -> bytes:
        """What is to be sent now; hands it over once."""
        if not self._outgoing:
            return b""
        data = b"".join(self._outgoing)
        self._outgoing = []
        self._outgoing_bytes = 0
        return data

    def _send(self, frame: bytes) -> None:
        if self._outgoing_bytes + len(frame) > _MOST_OUTGOING:
            self.dropped += 1
            return
        self._outgoing.append(frame)
        self._outgoing_bytes += len(frame)

    # --- samples ---------------------------------------------------------------------------------

    def _due(self, now_ms: int) -> int:
        """The layout of the packet to send now; below zero for none."""
        ready = 0
        for number in range(len(self._next)):
            if self.wanted >> number & 1 and self.board.waiting(number):
                ready |= 1 << number
        quiet_ms = now_ms - self._sent_ms
        lead = self.wanted & -self.wanted
        if ready & lead or (ready and quiet_ms >= self._alone_ms):
            return ready
        return 0 if quiet_ms >= self._status_ms else -1

    def _send_samples(self, layout: int) -> None:
        flags = self.board.flags()
        blocks = []
        for number, stream in enumerate(self.board.streams):
            if layout >> number & 1:
                lost = self.board.lost(number)
                flags |= hub.LOST if lost else 0
                index = (self._next[number] + lost) % hub.INDEX_PERIOD
                blocks.append((number, index, self.board.take(number)))
                self._next[number] = (index + stream.frames) % hub.INDEX_PERIOD
        counter = self._counter
        self._counter = (counter + 1) % hub.INDEX_PERIOD
        off = self.board.electrodes_off()
        self._send(hub.encode_samples(hub.Samples(layout, flags, off, counter, self._device_us, blocks)))

    # --- requests --------------------------------------------------------------------------------

    def _answer(self, packet: ecp.Packet, now_ms: int) -> bytes:
        length = hub.request_length(packet.code)
        if length is None:
            return ecp.encode_nack(ecp.ERROR_UNKNOWN_FUNCTION)
        if len(packet.content) != length:
            return ecp.encode_nack(ecp.ERROR_LENGTH)
        if hub.has_crc(packet.code) and not fields.crc_holds(packet):
            return ecp.encode_nack(ecp.ERROR_CRC)
        self._heard_ms = now_ms
        return self._obey(packet, now_ms)

    def _obey(self, packet: ecp.Packet, now_ms: int) -> bytes:
        start = hub.decode_start_request(packet)
        if start is not None:
            return self._start(start, now_ms)
        ping = hub.decode_ping_request(packet)
        if ping is not None:
            return hub.encode_ping_reply(ping, self._device_us)
        if hub.decode_stop_request(packet):
            self._stop()
            return hub.encode_stop_reply(hub.OK)
        return hub.encode_hello_reply(self.hello)

    def _start(self, request: hub.StartRequest, now_ms: int) -> bytes:
        """Every start is a new one: all numbers begin at 0."""
        if request.nonce != self.hello.nonce:
            return hub.encode_start_reply(hub.WRONG_NONCE, self.wanted)
        if not 0 < request.streams < 1 << len(self._next):
            return hub.encode_start_reply(hub.NO_SUCH_STREAM, self.wanted)
        self._stop()
        self.wanted = request.streams
        self._counter = 0
        self._next = [0] * len(self._next)
        self._sent_ms = now_ms
        self.board.start(self.wanted)
        return hub.encode_start_reply(hub.OK, self.wanted)

    def _stop(self) -> None:
        if self.wanted:
            self.wanted = 0
            self.board.stop()
