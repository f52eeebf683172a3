"""Which USB device stands behind a serial port: read from sysfs, before the port is opened.

Theory of operation
-------------------
The configuration names ports that udev made for one device (``/dev/rvos-cuff``, ``/dev/serial/by-id/...``).
A name can lie: a rule with another maker's number, two devices with one serial number, a copy of a rule.
``look`` follows the name to its node and reads who is plugged in there; ``objection`` says in one sentence
why that is not the device that was meant, before a byte is sent to it.

FTDI adapters hold what arrives back for up to 16 ms unless their latency timer is 1 ms.  The rule of
systemd/60-rvos.rules sets it, because only root may; here it is read, and ``lateness`` says what is wrong
with it.  It is no objection: the timer delays what a device says, never what it is told, so that a stop
leaves as soon as ever; 16 ms are little beside the 600 ms after which a silent stimulator counts as lost, and
the closed loop's force comes from the hub, which has no such adapter.

Everything here reads small files of the kernel and writes none.  A port that is no USB device (a UART of the
board, a pseudo-terminal) has no identity here: ``None``, and the device's own protocol has to say who it is.

Units: the latency timer in ms.  Source: Documentation/ABI/testing/sysfs-bus-usb of the Linux kernel.
"""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

SYS = Path("/sys")
FTDI = "0403"
RP2040 = ("2e8a:",)
"""Our own boards, cuff controller and hub: every microcontroller of that maker."""
LATENCY_MS = 1


class UsbPort(NamedTuple):
    """A serial port of a USB device, ``node`` under /dev. Texts are empty where the device does not tell."""

    node: str
    vendor: str
    product: str
    serial: str
    maker: str
    name: str
    latency_ms: int | None

    @property
    def described(self) -> str:
        """In one line, for people."""
        words = " ".join(one for one in (self.maker, self.name) if one) or "a USB device without a name"
        return f"{words} ({self.vendor}:{self.product}, serial number {self.serial or 'none'})"


class Expected(NamedTuple):
    """What a driver's device shows on USB: ``ids`` as "vendor:product", or "vendor:" for all of a maker's."""

    ids: tuple[str, ...] = ()
    serial: str = ""


def look(path: str, sys_root: Path = SYS) -> UsbPort | None:
    """Who is plugged in behind this name; ``None`` where nothing is or it is no USB device."""
    return _of_node(os.path.basename(os.path.realpath(path)), sys_root)


def plugged_in(sys_root: Path = SYS) -> list[UsbPort]:
    """Every USB serial port of this machine, by name."""
    classes = sys_root / "class" / "tty"
    names = sorted(entry.name for entry in classes.iterdir()) if classes.is_dir() else []
    found = (_of_node(name, sys_root) for name in names)
    return [port for port in found if port is not None]


def objection(path: str, expected: Expected, sys_root: Path = SYS) -> str:
    """Why the device behind this name is not the one that was meant; empty if nothing speaks against it."""
    port = look(path, sys_root)
    if port is None:
        return ""
    if expected.ids and not any(f"{port.vendor}:{port.product}".startswith(one) for one in expected.ids):
        return (
            f"{path} is {port.described}, not one of {', '.join(expected.ids)}: check which device is "
            "plugged in, or the rule that made this name"
        )
    if expected.serial and port.serial != expected.serial:
        return (
            f"{path} is {port.described}; the configuration expects serial number {expected.serial}: check "
            "which device is plugged in"
        )
    return _twin(path, port, plugged_in(sys_root))


def lateness(path: str, sys_root: Path = SYS) -> str:
    """Why what arrives at this port may come late; empty if nothing does, or nothing here can be said."""
    port = look(path, sys_root)
    if port is None or port.latency_ms == LATENCY_MS or (port.latency_ms is None and port.vendor != FTDI):
        return ""
    found = "cannot be read" if port.latency_ms is None else f"is {port.latency_ms} ms"
    return (
        f"the latency timer of {port.node} {found} and should be {LATENCY_MS} ms: what the device says may "
        "come late. Install systemd/60-rvos.rules and plug the adapter in again; until then: "
        f"echo {LATENCY_MS} | sudo tee /sys/class/tty/{port.node}/device/latency_timer"
    )


def _twin(path: str, port: UsbPort, others: Iterable[UsbPort]) -> str:
    """Two devices that tell the same of themselves: no name can tell them apart."""
    mine = (port.vendor, port.product, port.serial)
    alike = [
        one.node for one in others if (one.vendor, one.product, one.serial) == mine and one.node != port.node
    ]
    if not alike:
        return ""
    return (
        f"{path} is {port.described}, and so is {', '.join(alike)}: two devices alike cannot be told apart. "
        "Unplug one, or give one another serial number"
    )


def _of_node(node: str, sys_root: Path) -> UsbPort | None:
    device = (sys_root / "class" / "tty" / node / "device").resolve()
    for folder in (device, *device.parents):
        if (folder / "idVendor").is_file():
            return UsbPort(
                node=node,
                vendor=_text(folder / "idVendor"),
                product=_text(folder / "idProduct"),
                serial=_text(folder / "serial"),
                maker=_text(folder / "manufacturer"),
                name=_text(folder / "product"),
                latency_ms=_number(device / "latency_timer"),
            )
    return None


def _text(file: Path) -> str:
    """One line of the kernel's; a device that vanishes meanwhile has none."""
    try:
        return file.read_text(errors="replace").strip()
    except OSError:
        return ""


def _number(file: Path) -> int | None:
    text = _text(file)
    return int(text) if text.isdigit() else None
