"""pysciencemode, a third party's client, drives our simulated RehaStim2 over a pseudo-terminal."""

import os
import select
import subprocess
import time
import tty
from collections.abc import Iterator
from itertools import pairwise

import pytest

from drivers import sciencemode2 as wire
from gateway.simulation.rehastim2 import Pulse, RehaStim2
from tests.peers.environments import DEADLINE_S, outcome, start

STEP_S = 0.002


class Port:
    """The simulated device behind a pseudo-terminal, living by the real clock."""

    def __init__(self) -> None:
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        self.path = os.ttyname(self._slave)
        self._start_s = time.monotonic()
        self.device = RehaStim2(lenient=True)
        self.pulses: list[Pulse] = []
        self.trains: list[tuple[int, int, int, int]] = []
        self.commands: list[int] = []
        self._decoder = wire.Decoder()

    def serve(self, client: "subprocess.Popen[str]") -> None:
        """Until the client has ended."""
        while client.poll() is None and self._now_ms() < DEADLINE_S * 1000:
            ready, _, _ = select.select([self._master], [], [], STEP_S)
            self._exchange(os.read(self._master, 4096) if ready else b"")

    def _exchange(self, data: bytes) -> None:
        self.commands += [packet.command for packet in self._decoder.feed(data)]
        answer = self.device.step(data, self._now_ms())
        if answer:
            os.write(self._master, answer)
        self.pulses += self.device.take_pulses()

    def _now_ms(self) -> int:
        return int((time.monotonic() - self._start_s) * 1000)

    def close(self) -> None:
        os.close(self._slave)
        os.close(self._master)


@pytest.fixture
def port() -> Iterator[Port]:
    port = Port()
    yield port
    port.close()


def test_it_greets_sets_up_starts_updates_and_stops(port: Port) -> None:
    client = start("pysciencemode", "pysciencemode", port.path)
    port.serve(client)
    assert outcome(client)["failed"] is False
    without_keep_alive = [command for command in port.commands if command != wire.WATCHDOG]
    assert without_keep_alive == [
        wire.INIT_ACK,
        wire.STOP_CHANNEL_LIST,
        wire.INIT_CHANNEL_LIST,
        *([wire.START_CHANNEL_LIST] * 4),
        wire.STOP_CHANNEL_LIST,
    ]
    assert port.device.mode == wire.MODE_START

    shapes = [(pulse.channel, pulse.current_ma, pulse.width_us) for pulse in port.pulses]
    given = {shape for shape in shapes if shape[1]}  # its pauses are pulses of 0 mA
    assert given == {(1, 20, 300), (5, 15, 240), (1, 30, 350)}
    first = [pulse.at_half_ms for pulse in port.pulses if pulse.channel == 1]
    assert {after - before for before, after in pairwise(first)} == {40}
    assert shapes.count((1, 20, 300)) >= 8
    assert shapes.count((1, 30, 350)) >= 90, (
        "its keep-alive comes up to 1.6 s late: the lenient watchdog holds"
    )
