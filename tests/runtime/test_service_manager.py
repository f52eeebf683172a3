"""What systemd would hear: a real datagram socket in its place."""

import socket
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from gateway.runtime.service_manager import ServiceManager


@pytest.fixture
def folder() -> Iterator[Path]:
    with TemporaryDirectory(prefix="rvos-") as name:
        yield Path(name)


def _listener(address: str) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    listener.bind(address)
    listener.settimeout(10.0)
    return listener


def _speak(manager: ServiceManager) -> None:
    manager.ready("core cycle running")
    manager.alive()
    manager.stopping()


def _heard(listener: socket.socket) -> list[bytes]:
    return [listener.recv(4096) for _ in range(3)]


SPOKEN = [b"READY=1\nSTATUS=core cycle running", b"WATCHDOG=1", b"STOPPING=1"]


@pytest.mark.parametrize("name", ["notify", "at@home", "@front"])
def test_each_notification_is_one_datagram(folder: Path, name: str) -> None:
    with _listener(str(folder / name)) as listener:
        manager = ServiceManager(str(folder / name))
        _speak(manager)
        manager.close()
        assert _heard(listener) == SPOKEN


def test_an_abstract_address_begins_with_an_at_sign(folder: Path) -> None:
    with _listener(f"\0{folder}@1") as listener:
        manager = ServiceManager(f"@{folder}@1")
        _speak(manager)
        manager.close()
        assert _heard(listener) == SPOKEN


def test_the_address_comes_from_the_environment(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(folder / "notify"))
    with _listener(str(folder / "notify")) as listener:
        manager = ServiceManager()
        manager.alive()
        manager.close()
        assert listener.recv(4096) == b"WATCHDOG=1"


def test_without_an_address_nobody_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    opened: list[object] = []
    monkeypatch.setattr(socket, "socket", lambda *kind: opened.append(kind))
    manager = ServiceManager()
    _speak(manager)
    manager.close()
    assert opened == []


def test_a_listener_that_went_away_does_not_raise(folder: Path) -> None:
    manager = ServiceManager(str(folder / "notify"))
    _speak(manager)
    with _listener(str(folder / "notify")) as listener:
        manager.alive()
        assert listener.recv(4096) == b"WATCHDOG=1"
    _speak(manager)
    (folder / "notify").unlink()
    _speak(manager)
    manager.close()


def test_a_listener_that_does_not_read_does_not_hold_us_up(folder: Path) -> None:
    with _listener(str(folder / "notify")) as listener:
        manager = ServiceManager(str(folder / "notify"))
        for _ in range(10_000):
            manager.alive()
        manager.close()
        assert listener.recv(4096) == b"WATCHDOG=1"
