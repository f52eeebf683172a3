"""The simulated devices behind ``latency_tap.c``: ``python -m bench.latency_devices SOCKET``.

Theory of operation
-------------------
The tap owns the wires.  What core says to the hub and to the stimulator comes here, one packet of the socket
for each piece, and what they reply goes back the same way.  Hub and P24 are those of ``gateway.simulation``;
of the hub only its replies are used: its samples are made by the tap, which is told when the hub was started.
The P24's replies to updates are those that the tap has given already, at once, and are dropped; one that says
anything but "done" ends this process with an error, and with it the measurement.  Ends when the tap does.
"""

import socket
import sys
import time

from drivers import sciencemode4_messages as messages
from drivers.sciencemode4 import Decoder, Packet, encode
from firmware_bridge import ecp, hub
from gateway.simulation.hub import SimulatedHub
from gateway.simulation.p24 import P24

_TURN_S = 0.02
_LONGEST = 4096


class Devices:
    """A hub whose samples somebody else makes, and a P24."""

    def __init__(self, now_ms: int) -> None:
        self._hub = SimulatedHub(lambda kind, at_us, channels: (0.0,) * channels)
        self._hub.faults.sampling_stopped = True
        self._heard = ecp.Decoder()
        self._stimulator = P24(now_ms)
        self._replied = Decoder()

    def step(self, said: bytes, now_ms: int) -> list[bytes]:
        """What core said ("h" to the hub, "s" to the stimulator), and what the tap is told."""
        source, data = said[:1], said[1:]
        was_streaming = self._hub.streaming
        told = [b"H" + reply for reply in self._replies(now_ms, data if source == b"h" else b"")]
        said_back = self._stimulator.step(data if source == b"s" else b"", now_ms)
        told += [b"S" + encode(reply) for reply in self._replied.feed(said_back) if not _is_given(reply)]
        if self._hub.streaming and not was_streaming:
            told.append(b"G")
        return told

    def _replies(self, now_ms: int, data: bytes) -> list[bytes]:
        if not data:
            return []
        packets = self._heard.feed(self._hub.step(now_ms, data))
        return [ecp.encode_frame(one.code, one.content) for one in packets if one.code != hub.SAMPLES]


def _is_given(reply: Packet) -> bool:
    """Whether the tap has given this reply. Raises ``RuntimeError`` where it gave a wrong one."""
    if reply.command != messages.ML_UPDATE + 1:
        return False
    if reply.data != bytes((messages.OK,)):
        raise RuntimeError(f"the stimulator refuses an update: result {reply.data.hex()}")
    return True


def main() -> int:
    """Answer until the tap ends."""
    with socket.socket(fileno=int(sys.argv[1])) as tap:
        tap.settimeout(_TURN_S)
        devices = Devices(_now_ms())
        while True:
            try:
                said = tap.recv(_LONGEST)
            except TimeoutError:
                said = b" "
            except ConnectionResetError:  # it was ended with words of ours unread
                return 0
            if not said:
                return 0
            for told in devices.step(said, _now_ms()):
                tap.send(told)


def _now_ms() -> int:
    return time.monotonic_ns() // 1_000_000


if __name__ == "__main__":
    sys.exit(main())
