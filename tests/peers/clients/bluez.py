"""BlueZ without a radio: the part of org.bluez that bleak uses, on a private bus, with one Moxy in range.

Theory of operation
-------------------
Runs under the interpreter of the peer ``bleak`` (it needs dbus-fast) with ``DBUS_SYSTEM_BUS_ADDRESS`` set.
One adapter, one device with the Moxy service and Device Information.  Commands come line by line on
standard input:  ``notify HEX``, ``lost`` (the device goes), ``quit``; each method that BlueZ is asked for
is printed as a line.
"""

# dbus-fast reads D-Bus signatures from annotations
# ruff: noqa: F722, F821, N802

import asyncio
import sys

from dbus_fast import BusType, PropertyAccess
from dbus_fast.aio import MessageBus
from dbus_fast.service import ServiceInterface, dbus_property, method

ADAPTER = "/org/bluez/hci0"
ADDRESS = "C0:FF:EE:00:11:22"
DEVICE = f"{ADAPTER}/dev_{ADDRESS.replace(':', '_')}"
MOXY = "6404d801-4cb9-11e8-b566-0800200c9a66"
MOXY_DATA = "6404d804-4cb9-11e8-b566-0800200c9a66"
INFORMATION = "0000180a-0000-1000-8000-00805f9b34fb"
MODEL = "00002a24-0000-1000-8000-00805f9b34fb"
FIRMWARE = "00002a26-0000-1000-8000-00805f9b34fb"
ADVERTISE_S = 0.1
READ = PropertyAccess.READ


def say(text):
    print(text, flush=True)


class Adapter(ServiceInterface):
    def __init__(self, device):
        super().__init__("org.bluez.Adapter1")
        self.device = device
        self._discovering = False

    @dbus_property(access=READ)
    def Address(self) -> "s":
        return "00:00:00:00:00:01"

    @dbus_property(access=READ)
    def Powered(self) -> "b":
        return True

    @dbus_property(access=READ)
    def Roles(self) -> "as":
        return ["central"]

    @dbus_property(access=READ)
    def Discovering(self) -> "b":
        return True

    @method()
    def SetDiscoveryFilter(self, filters: "a{sv}"):
        say("SetDiscoveryFilter")

    @method()
    def StartDiscovery(self):
        say("StartDiscovery")
        self._discovering = True
        self._advertise()

    @method()
    def StopDiscovery(self):
        say("StopDiscovery")
        self._discovering = False

    def _advertise(self):
        if self._discovering:
            self.device.emit_properties_changed({"RSSI": -60})
            asyncio.get_running_loop().call_later(ADVERTISE_S, self._advertise)


class Device(ServiceInterface):
    def __init__(self):
        super().__init__("org.bluez.Device1")
        self._connected = False

    @dbus_property(access=READ)
    def Address(self) -> "s":
        return ADDRESS

    @dbus_property(access=READ)
    def AddressType(self) -> "s":
        return "random"

    @dbus_property(access=READ)
    def Alias(self) -> "s":
        return "MOXY5"

    @dbus_property(access=READ)
    def Name(self) -> "s":
        return "MOXY5"

    @dbus_property(access=READ)
    def RSSI(self) -> "n":
        return -60

    @dbus_property(access=READ)
    def UUIDs(self) -> "as":
        return [MOXY, INFORMATION]

    @dbus_property(access=READ)
    def Paired(self) -> "b":
        return False

    @dbus_property(access=READ)
    def Connected(self) -> "b":
        return self._connected

    @dbus_property(access=READ)
    def ServicesResolved(self) -> "b":
        return self._connected

    @dbus_property(access=READ)
    def Adapter(self) -> "o":
        return ADAPTER

    def _set(self, connected):
        self._connected = connected
        self.emit_properties_changed({"Connected": connected, "ServicesResolved": connected})

    @method()
    def Connect(self):
        say("Connect")
        self._set(True)

    @method()
    def Disconnect(self):
        say("Disconnect")
        self._set(False)

    def lose(self):
        self._set(False)


class Service(ServiceInterface):
    def __init__(self, uuid):
        super().__init__("org.bluez.GattService1")
        self._uuid = uuid

    @dbus_property(access=READ)
    def UUID(self) -> "s":
        return self._uuid

    @dbus_property(access=READ)
    def Primary(self) -> "b":
        return True

    @dbus_property(access=READ)
    def Device(self) -> "o":
        return DEVICE


class Characteristic(ServiceInterface):
    def __init__(self, uuid, service, flags, value=b""):
        super().__init__("org.bluez.GattCharacteristic1")
        self._uuid, self._service, self._flags, self._value = uuid, service, flags, value

    @dbus_property(access=READ)
    def UUID(self) -> "s":
        return self._uuid

    @dbus_property(access=READ)
    def Service(self) -> "o":
        return self._service

    @dbus_property(access=READ)
    def Flags(self) -> "as":
        return self._flags

    @dbus_property(access=READ)
    def Value(self) -> "ay":
        return self._value

    @dbus_property(access=READ)
    def Notifying(self) -> "b":
        return False

    @method()
    def ReadValue(self, options: "a{sv}") -> "ay":
        say("ReadValue")
        return self._value

    @method()
    def WriteValue(self, value: "ay", options: "a{sv}"):
        say("WriteValue")

    @method()
    def StartNotify(self):
        say("StartNotify")

    @method()
    def StopNotify(self):
        say("StopNotify")

    def notify(self, value):
        self._value = value
        self.emit_properties_changed({"Value": value})


async def main():
    bus = await MessageBus(bus_type=BusType.SYSTEM).connect()
    device = Device()
    adapter = Adapter(device)
    data = Characteristic(MOXY_DATA, f"{DEVICE}/service0010", ["read", "notify"])
    objects = {
        ADAPTER: adapter,
        DEVICE: device,
        f"{DEVICE}/service0010": Service(MOXY),
        f"{DEVICE}/service0010/char0011": data,
        f"{DEVICE}/service0020": Service(INFORMATION),
        f"{DEVICE}/service0020/char0021": Characteristic(MODEL, f"{DEVICE}/service0020", ["read"], b"MOXY5"),
        f"{DEVICE}/service0020/char0023": Characteristic(
            FIRMWARE, f"{DEVICE}/service0020", ["read"], b"1.2\0"
        ),
    }
    for path, interface in objects.items():
        bus.export(path, interface)
    await bus.request_name("org.bluez")
    say("ready")
    commands = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(commands), sys.stdin
    )
    while words := (await commands.readline()).decode().split():
        if words[0] == "notify":
            data.notify(bytes.fromhex(words[1]))
        elif words[0] == "lost":
            device.lose()
        else:
            break


asyncio.run(main())
