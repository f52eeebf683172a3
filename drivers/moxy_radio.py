"""A Moxy monitor over Bluetooth Low Energy: the only user of bleak, inside the feeder process only.

Theory of operation
-------------------
``listen`` connects, checks that the peer has the Moxy service, asks it who it is, subscribes, hands on what
it notifies, and ends with ``RadioLost`` and the reason: not found, not a Moxy, link lost, silent.  Nothing
is ever written to the monitor but the subscription.

bleak (the optional extra ``ble``) talks to BlueZ over D-Bus.  What is masked:

- connecting and subscribing have one limit together: BlueZ may never answer a subscription whose peer has
  gone;
- a monitor that is connected and silent for ``SILENT_S`` is lost;
- leaving has a limit as well; without a clean end BlueZ keeps the link, and the monitor is not found again.

Unconfirmed: whether a Moxy has the Device Information service; a text that cannot be read stays empty.
Units: seconds.
"""

import asyncio
import importlib
from collections.abc import Callable
from typing import Any, NamedTuple

from drivers import moxy

SUBSCRIBE_S = 45.0
SILENT_S = 10.0
LEAVE_S = 5.0

# Characteristics of the standard service Device Information.
MODEL_NUMBER = "00002a24-0000-1000-8000-00805f9b34fb"
SERIAL_NUMBER = "00002a25-0000-1000-8000-00805f9b34fb"
FIRMWARE_REVISION = "00002a26-0000-1000-8000-00805f9b34fb"


class RadioLost(Exception):
    """The monitor cannot be heard, and why."""


class BleakMissing(Exception):
    """bleak is not installed for this Python."""

    def __init__(self) -> None:
        super().__init__(
            "bleak is not installed, and nothing here can use Bluetooth without it. "
            "Install the optional extra: pip install 'rvos[ble]'"
        )


class Description(NamedTuple):
    """What the monitor says of itself; empty where it says nothing."""

    model: str
    serial: str
    firmware: str


def load_bleak() -> Any:
    """The module, or ``BleakMissing``."""
    try:
        return importlib.import_module("bleak")
    except ImportError as problem:
        raise BleakMissing from problem


async def listen(
    address: str,
    on_subscribed: Callable[[Description], None],
    on_payload: Callable[[bytes], None],
    silent_s: float = SILENT_S,
) -> None:
    """Hear the monitor at ``address`` until it is lost; then, or if it never was there, raise
    ``RadioLost``.
    """
    bleak = load_bleak()
    lost = asyncio.Event()
    client = bleak.BleakClient(address, disconnected_callback=lambda _: lost.set(), timeout=SUBSCRIBE_S)
    try:
        await _hear(client, lost, on_subscribed, on_payload, silent_s)
    except (bleak.BleakError, OSError, EOFError) as problem:
        raise RadioLost(str(problem) or type(problem).__name__) from problem
    finally:
        await _leave(client, bleak.BleakError)


async def _hear(
    client: Any,
    lost: asyncio.Event,
    on_subscribed: Callable[[Description], None],
    on_payload: Callable[[bytes], None],
    silent_s: float,
) -> None:
    silence = _Silence(silent_s)

    def heard(_: object, payload: bytearray) -> None:
        silence.broken()
        on_payload(bytes(payload))

    try:
        async with asyncio.timeout(SUBSCRIBE_S):
            await client.connect()
            _require_moxy(client.services)
            description = await _description(client)
            silence.broken()
            await client.start_notify(moxy.CHARACTERISTIC, heard)
    except TimeoutError as problem:
        raise RadioLost(f"no connection and no subscription within {SUBSCRIBE_S:g} s") from problem
    on_subscribed(description)
    await silence.or_until(lost)
    raise RadioLost("the link was lost" if lost.is_set() else f"connected, but silent for {silent_s:g} s")


class _Silence:
    """How long nothing was heard."""

    def __init__(self, longest_s: float) -> None:
        self._longest_s = longest_s
        self._loop = asyncio.get_running_loop()
        self._since_s = self._loop.time()

    def broken(self) -> None:
        """Something was heard now."""
        self._since_s = self._loop.time()

    async def or_until(self, lost: asyncio.Event) -> None:
        """Return when nothing was heard for too long, or when the link is lost."""
        while (left_s := self._since_s + self._longest_s - self._loop.time()) > 0 and not lost.is_set():
            try:
                async with asyncio.timeout(left_s):
                    await lost.wait()
            except TimeoutError:
                continue


def _require_moxy(services: Any) -> None:
    if services.get_service(moxy.SERVICE) is None:
        raise RadioLost("the device at this address has no Moxy service: another device")
    if services.get_characteristic(moxy.CHARACTERISTIC) is None:
        raise RadioLost("the Moxy service lacks its sensor data: a firmware that nobody has read yet")


async def _description(client: Any) -> Description:
    texts = [
        await _text(client, characteristic)
        for characteristic in (MODEL_NUMBER, SERIAL_NUMBER, FIRMWARE_REVISION)
    ]
    return Description(*texts)


async def _text(client: Any, characteristic: str) -> str:
    if client.services.get_characteristic(characteristic) is None:
        return ""
    read = bytes(await client.read_gatt_char(characteristic))
    return read.decode("ascii", "replace").strip("\0 ")


async def _leave(client: Any, bleak_error: type[Exception]) -> None:
    try:
        async with asyncio.timeout(LEAVE_S):
            await client.disconnect()
    except (bleak_error, OSError, EOFError, TimeoutError):
        return  # it is gone, or BlueZ is: there is nothing left to leave
