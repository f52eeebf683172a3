"""In place of bleak, where there is no radio: what its client would do is decided by the test, over a socket.

Theory of operation
-------------------
The one thing that cannot exist on a machine without Bluetooth is the radio.  This module stands in for the
client class and for nothing else: a feeder process with this directory on its PYTHONPATH is otherwise the
real one.  ``connect`` opens ``NO_RADIO`` (a Unix socket of the test), says ``connect ADDRESS`` and waits
for an answer of one line: ``ok``, ``other`` (a device without the Moxy service), ``odd`` (without its
sensor data), ``never`` (the subscription is not answered) or the text of the error to be raised.  Later
lines are ``notify HEX`` and ``lost``.
"""

import asyncio
import os

DEVICE_INFORMATION = {
    "00002a24-0000-1000-8000-00805f9b34fb": b"MOXY5\0",
    "00002a25-0000-1000-8000-00805f9b34fb": b"12345",
}
MOXY_SERVICE = "6404d801-4cb9-11e8-b566-0800200c9a66"
MOXY_DATA = "6404d804-4cb9-11e8-b566-0800200c9a66"


class BleakError(Exception):
    """As bleak's."""


class _Services:
    def __init__(self, kind):
        self._service = kind != "other"
        self._characteristics = set(DEVICE_INFORMATION) | (set() if kind == "odd" else {MOXY_DATA})

    def get_service(self, identifier):
        return identifier if self._service and identifier == MOXY_SERVICE else None

    def get_characteristic(self, identifier):
        return identifier if identifier in self._characteristics else None


class BleakClient:
    """The part of bleak's client that the feeder uses."""

    def __init__(self, address, disconnected_callback=None, timeout=30):
        self._address = address
        self._on_lost = disconnected_callback
        self._writer = None
        self._listening = None
        self._kind = ""

    @property
    def services(self):
        return _Services(self._kind)

    async def connect(self):
        self._reader, self._writer = await asyncio.open_unix_connection(os.environ["NO_RADIO"])
        self._writer.write(f"connect {self._address}\n".encode())
        self._kind = (await self._reader.readline()).decode().strip()
        if self._kind not in ("ok", "other", "odd", "never"):
            raise BleakError(self._kind)

    async def read_gatt_char(self, identifier):
        return bytearray(DEVICE_INFORMATION[identifier])

    async def start_notify(self, identifier, callback):
        assert identifier == MOXY_DATA
        if self._kind == "never":
            await asyncio.Event().wait()
        self._writer.write(b"subscribed\n")
        self._listening = asyncio.ensure_future(self._listen(callback))

    async def disconnect(self):
        if self._writer is not None:
            self._writer.write(b"disconnect\n")
            await self._writer.drain()
            self._writer.close()
        if self._listening is not None:
            self._listening.cancel()

    async def _listen(self, callback):
        while line := (await self._reader.readline()).decode().split():
            if line[0] == "lost":
                self._on_lost(self)
            else:
                callback(None, bytearray.fromhex(line[1]))
