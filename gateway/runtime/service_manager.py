"""Telling systemd: readiness and the watchdog (sd_notify, one datagram each).

Theory of operation
-------------------
``NOTIFY_SOCKET`` names a Unix datagram socket; each notification is one datagram of ``KEY=value``
lines (sd_notify(3)).  Without the variable there is nobody to tell.  The watchdog is fed by the
core cycle itself, and only when the cycle was on time: see ``gateway.runtime.service``.
"""

import os
import socket


class ServiceManager:
    """The far end of NOTIFY_SOCKET, if there is one."""

    def __init__(self, address: str | None = None) -> None:
        address = os.environ.get("NOTIFY_SOCKET") if address is None else address
        self._address = _unescaped(address) if address else None
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) if self._address else None
        if self._socket is not None:
            self._socket.setblocking(False)

    def ready(self, status: str) -> None:
        """Start-up is over."""
        self._send(f"READY=1\nSTATUS={status}")

    def alive(self) -> None:
        """Feed the watchdog."""
        self._send("WATCHDOG=1")

    def stopping(self) -> None:
        """The end was asked for."""
        self._send("STOPPING=1")

    def close(self) -> None:
        """Give the socket back."""
        if self._socket is not None:
            self._socket.close()

    def _send(self, text: str) -> None:
        if self._socket is None or self._address is None:
            return
        try:
            self._socket.sendto(text.encode(), self._address)
        except OSError:
            return  # a manager that does not listen must not stop the control cycle


def _unescaped(address: str) -> str:
    """A leading "@" stands for the NUL of an abstract address; any other "@" belongs to a path."""
    return "\0" + address[1:] if address.startswith("@") else address
