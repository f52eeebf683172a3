"""A bench for the hub in virtual time: a board whose blocks the test lays out, and a host with a wire.

Runs on CPython and on MicroPython (no pytest in here), like the test modules that use it.
"""

from firmware_bridge import ecp, hub
from firmware_bridge.hub_mcu.board import Board
from firmware_bridge.hub_mcu.device import Device

NONCE = 0x0BADF00D
EMG_CHANNEL = hub.Channel(2048, 805664, -6)
CELL = hub.Channel(-8192, 117000, -9)
EMG = hub.Stream(hub.EMG, 1, 2, 4, 2000000, (EMG_CHANNEL, EMG_CHANNEL))
FORCE = hub.Stream(hub.FORCE, 2, 3, 1, 80000, (CELL,))
PPG = hub.Stream(hub.PPG, 0, 3, 1, 500000, (hub.Channel(0, 1, 0),))
STREAMS = (EMG, FORCE, PPG)
HELLO = hub.Hello(1, 1, 0, 1, 0, NONCE, 2000, b"HUB-7", b"bench", STREAMS)


class BenchBoard(Board):
    """Blocks that the test puts in; what was done with it is remembered."""

    def __init__(self, streams: tuple[hub.Stream, ...] = STREAMS, period_us: int = 2000) -> None:
        self.streams = streams
        self.period_us = period_us
        self.blocks: list[list[bytes]] = [[] for _ in streams]
        self.lost_frames = [0 for _ in streams]
        self.raised = 0
        self.off = 0
        self.calls: list[object] = []

    def start(self, wanted: int) -> None:
        self.calls.append(wanted)
        self.blocks = [[] for _ in self.streams]

    def stop(self) -> None:
        self.calls.append("stop")

    def waiting(self, number: int) -> int:
        return len(self.blocks[number])

    def take(self, number: int) -> bytes:
        return self.blocks[number].pop(0)

    def lost(self, number: int) -> int:
        lost = self.lost_frames[number]
        self.lost_frames[number] = 0
        return lost

    def flags(self) -> int:
        raised = self.raised
        self.raised = 0
        return raised

    def electrodes_off(self) -> int:
        return self.off


class HubBench:
    """A hub, its board and its host."""

    def __init__(self, streams: tuple[hub.Stream, ...] = STREAMS, period_us: int = 2000) -> None:
        self.now_ms = 0
        self.board = BenchBoard(streams, period_us)
        self.device = Device(self.board, 0, NONCE, b"HUB-7", b"bench")
        self.packing = hub.Packing(streams)
        self.samples: list[hub.Samples] = []
        self.decoder = ecp.Decoder()

    def ask(self, frame: bytes) -> ecp.Packet:
        """Send one request; return what it was answered with."""
        self.device.receive(frame, self.now_ms)
        replies = self.collect()
        assert len(replies) == 1, replies
        return replies[0]

    def start(self, streams: int = 7, nonce: int = NONCE) -> hub.StartReply | None:
        return hub.decode_start_reply(self.ask(hub.encode_start_request(streams, nonce)))

    def put(self, number: int, first: int = 0) -> bytes:
        """A block of this stream, made of numbers that differ from byte to byte."""
        size = hub.block_bytes(self.board.streams[number])
        block = bytes([(first + at) & 0xFF for at in range(size)])
        self.board.blocks[number].append(block)
        return block

    def step(self, elapsed_ms: int = 2) -> list[hub.Samples]:
        """One step after so much time; the packets that it sent."""
        self.now_ms += elapsed_ms
        self.device.step(self.now_ms, self.now_ms * 1000)
        self.samples = []
        assert self.collect() == []
        return self.samples

    def collect(self) -> list[ecp.Packet]:
        replies = []
        for packet in self.decoder.feed(self.device.outgoing()):
            samples = self.packing.decode(packet)
            if samples is None:
                replies.append(packet)
            else:
                self.samples.append(samples)
        return replies
