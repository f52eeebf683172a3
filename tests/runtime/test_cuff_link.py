"""The controller's port goes by the policy of every other: whose it is, and what is said of a stranger."""

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from firmware_bridge import cuff as wire
from gateway.record.events import DeviceIdentified, DeviceLost, DeviceNoticed
from gateway.runtime import cuff_link, service
from gateway.runtime.gate import VENT
from gateway.runtime.requests import DeviceList, Devices, SessionStop
from gateway.simulation.stage import Pty, open_pty
from tests.drivers.cuff_bench import codes
from tests.drivers.test_usb import Machine
from tests.runtime import test_shell
from tests.runtime.sockets import ask
from tests.runtime.test_shell import Bench, until

bench = test_shell.bench


class Adapter:
    """The controller on a real pseudo-terminal, of which the kernel tells what the test says."""

    def __init__(self, bench: Bench, folder: Path) -> None:
        self.machine = Machine(folder)
        self._bench = bench
        bench.sys_root = self.machine.sys

    def plug(self, vendor: str = "2e8a") -> None:
        self._bench.device.plug()
        self.node = os.path.basename(os.path.realpath(self._bench.folder / "cuff"))
        self.machine.plug(self.node, vendor, "0005", "E66")


@pytest.fixture
def adapter(bench: Bench, tmp_path: Path) -> Adapter:
    return Adapter(bench, tmp_path / "machine")


def texts(bench: Bench, kind: type[msgspec.Struct]) -> list[dict[str, Any]]:
    return [msgspec.json.decode(row.body) for row in bench.rows() if row.type == kind.name]  # type: ignore[attr-defined]


def state(bench: Bench) -> str:
    return bench.shell._cuff.condition().state


def serve(bench: Bench, scenario: Callable[[], Any]) -> None:
    async def whole() -> None:
        await until(lambda: hasattr(bench, "shell"))
        await scenario()
        signal.raise_signal(signal.SIGTERM)

    assert bench.run(whole) == 0


def refused_until_repaired(
    bench: Bench, plug: Callable[[], None], why: str, repair: Callable[[], None]
) -> None:
    """Nothing is sent to it and no session can have it; put right, it is met like any other."""

    async def scenario() -> None:
        plug()
        await until(lambda: why in bench.core.gate.refusal)
        for _ in range(200):
            await asyncio.sleep(0)
            assert (state(bench), bench.core.gate.opened) == ("refused", 0)
        assert bench.device.received == b""
        reply = await ask(bench.control, DeviceList())
        [cuff] = msgspec.convert(reply.data, Devices).devices
        assert (cuff.state, cuff.opened) == ("refused", 0)
        assert why in cuff.why
        repair()
        await until(lambda: bench.core.gate.accepted)
        assert state(bench) == "ready"

    serve(bench, scenario)
    assert [why in row["text"] for row in texts(bench, DeviceNoticed)] == [True], "told once"
    assert len(texts(bench, DeviceIdentified)) == 1


def test_another_makers_device_is_refused_before_a_byte_is_sent(bench: Bench, adapter: Adapter) -> None:
    refused_until_repaired(
        bench,
        lambda: adapter.plug(vendor="0403"),
        "not one of 2e8a:",
        lambda: adapter.machine.tell(adapter.node, "idVendor", "2e8a"),
    )


def test_two_alike_are_refused_before_a_byte_is_sent(bench: Bench, adapter: Adapter) -> None:
    adapter.machine.plug("ttyACM9", "2e8a", "0005", "E66")
    refused_until_repaired(
        bench,
        adapter.plug,
        "so is ttyACM9: two devices alike cannot be told apart",
        lambda: adapter.machine.unplug("ttyACM9"),
    )


class Stranger:
    """Somebody else's device under the cuff's name."""

    def __init__(self, bench: Bench) -> None:
        self._name = bench.folder / "cuff"
        self._pty: Pty | None = None

    def plug(self) -> None:
        self._pty = open_pty()
        self._name.symlink_to(self._pty.path)

    def say(self, data: bytes) -> None:
        assert self._pty is not None
        os.write(self._pty.master, data)

    def pull(self) -> None:
        assert self._pty is not None
        self._name.unlink()
        self._pty.close()


@pytest.mark.parametrize(
    ("says", "word", "why"),
    [
        (b"", "unknown", "it has said nothing in 0 s: check its power, its cable"),
        (b"\xff\xf1" + 99 * b"?", "refused", "bytes came in 0 s and no frame of this protocol among them"),
    ],
)
def test_a_stranger_is_named_once_gets_no_lease_and_the_controller_is_met_after_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, says: bytes, word: str, why: str
) -> None:
    monkeypatch.setattr(cuff_link, "GREETING_MS", 300)
    stranger = Stranger(bench)

    async def scenario() -> None:
        await until(bench.control.exists)
        stranger.plug()
        await until(lambda: bench.core.gate.opened == 1)
        stranger.say(says)
        await until(lambda: why in bench.core.gate.refusal)
        assert state(bench) == word
        assert why in bench.shell._cuff.condition().why
        assert not bench.core.gate.accepted
        assert bench.core.state.latched is None, "a session that was not begun has lost nothing"
        stranger.pull()
        await until(lambda: state(bench) == "absent")
        await bench.accepted()
        await until(lambda: state(bench) == "ready")
        cuff = bench.shell._cuff.condition()
        assert (cuff.opened, cuff.why) == (2, "")
        assert cuff.counters.frames > 0
        assert cuff.counters.round_trip_ms is not None

    serve(bench, scenario)
    assert [why in row["text"] for row in texts(bench, DeviceNoticed)] == [True]
    assert [row["device"] for row in texts(bench, DeviceIdentified)] == ["cuff"]
    assert texts(bench, DeviceLost) == []


def test_a_stop_leaves_with_the_request_and_not_with_the_next_turn(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "STEP_MS", 1_000_000)

    async def scenario() -> None:
        await bench.accepted()
        bench.device.received = b""
        assert (await ask(bench.control, SessionStop())).exit_code == 0
        await until(lambda: VENT in bench.device.received)

    serve(bench, scenario)


def test_a_controller_that_returns_is_greeted_and_given_nothing(bench: Bench) -> None:
    async def scenario() -> None:
        await bench.accepted()
        bench.device.pull()
        await until(lambda: state(bench) == "absent")
        assert bench.core.gate.identity is None
        assert bench.core.gate.reading is None
        bench.device.received = b""
        await bench.accepted()
        asked = set(codes(bench.device.received))
        assert {wire.HELLO, wire.TIGHTEN} <= asked
        assert not asked & {wire.LEASE, wire.RELAY}
        assert bench.core.gate.opened == 2

    serve(bench, scenario)
    assert [row["device"] for row in texts(bench, DeviceLost)] == ["cuff"]
