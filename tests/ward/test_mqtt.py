"""One connection to brokers that refuse, vanish, talk nonsense or want TLS."""

import gc
import shutil
import socket
import struct
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gateway.config import MqttConfig, TlsConfig
from gateway.ward.broker import EmbeddedBroker, free_port
from gateway.ward.errors import BrokerError
from gateway.ward.mqtt import Answered, Connected, Connection, Happening, Lost, Will
from gateway.ward.reconnect import ProtocolChoice, Version
from tests.ward.bench import Deadline, Mosquitto

WILL = Will("rvos/v1/lab/icu/bed-7/status", b"{}")
CONNACK_5 = bytes([0x20, 3, 0, 0, 0])
CONNACK_311 = bytes([0x20, 2, 0, 0])


class ScriptedBroker:
    """Answers each CONNECT with what the script says for its version and hangs up on None."""

    def __init__(self, script: Callable[[int], bytes | None]) -> None:
        self._script = script
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._server.getsockname()[1])
        self.versions: list[int] = []
        self._open: list[socket.socket] = []
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while True:
            connection, _ = self._server.accept()
            self._open.append(connection)
            packet = connection.recv(4096)
            if not packet:
                return
            version = packet[packet.index(b"MQTT") + 4]
            self.versions.append(version)
            answer = self._script(version)
            if answer is None:
                connection.close()
            else:
                connection.sendall(answer)

    def close(self) -> None:
        socket.create_connection(("127.0.0.1", self.port)).close()
        self._thread.join()
        for connection in [*self._open, self._server]:
            connection.close()


@pytest.fixture
def scripted() -> Iterator[Callable[[Callable[[int], bytes | None]], ScriptedBroker]]:
    brokers: list[ScriptedBroker] = []

    def make(script: Callable[[int], bytes | None]) -> ScriptedBroker:
        brokers.append(ScriptedBroker(script))
        return brokers[-1]

    yield make
    for broker in brokers:
        broker.close()


def connect(port: int, version: Version = "5", **options: object) -> Connection:
    config = MqttConfig(host="127.0.0.1", port=port, keepalive_s=5, **options)  # type: ignore[arg-type]
    return Connection(config, version, "bed-7", WILL)


def happenings(connection: Connection, count: int = 1) -> list[Happening]:
    found: list[Happening] = []
    deadline = Deadline()
    while len(found) < count:
        found += connection.poll()
        deadline.check(f"{count} happenings, got {found}")
    return found


def test_a_port_where_nobody_listens_is_lost_and_says_where() -> None:
    port = free_port()
    [lost] = happenings(connect(port))
    assert isinstance(lost, Lost)
    assert f"127.0.0.1:{port}" in lost.reason
    assert not lost.is_version


@pytest.mark.parametrize(
    ("answer", "is_version"),
    [
        (None, True),  # RabbitMQ 3.10 to MQTT 5
        (bytes([0x20, 3, 0, 0x84, 0]), True),
        (bytes([0x20, 2, 0, 1]), True),  # NATS: a 3.1.1 answer to MQTT 5
        (bytes([0x20, 3, 0, 0x87, 0]), False),
        (CONNACK_5 + bytes([0xE0, 2, 0x8E, 0]), False),  # taken over by another client of this name
    ],
)
def test_a_refusal_tells_a_foreign_version_from_other_reasons(
    answer: bytes | None, is_version: bool, scripted: Callable[..., ScriptedBroker]
) -> None:
    connection = connect(scripted(lambda _: answer).port)
    lost = happenings(connection, 1 + (answer or b"").startswith(CONNACK_5))[-1]
    assert isinstance(lost, Lost)
    assert lost.is_version is is_version
    assert connection.poll() == []


@pytest.mark.parametrize(
    "garbage",
    [
        bytes([0x40, 0]),
        bytes([0x40, 1, 7]),
        bytes([0x40, 2, 9, 9]),
        bytes([0x40, 3, 0, 1, 0x55]),
        bytes([0x20, 1, 0]),
        bytes([0x20, 4, 0, 0, 1, 0xFF]),
        bytes([0xF0, 0]),
        bytes([0x30, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]),
        bytes([0x62, 1, 0]),
        bytes([0xE0, 2, 0x01, 0]),
        bytes([0x90, 1, 0]),
        bytes(range(256)),
    ],
)
@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_nonsense_never_raises(
    garbage: bytes, version: Version, scripted: Callable[..., ScriptedBroker]
) -> None:
    accepted = CONNACK_5 if version == "5" else CONNACK_311
    connection = connect(scripted(lambda _: accepted + garbage).port, version)
    [first, *_] = happenings(connection)
    assert isinstance(first, Connected)
    connection.publish("t", b"x", token=1, retain=False)
    for _ in range(100):
        assert all(isinstance(one, Lost | Answered) for one in connection.poll())
    connection.close()


def test_auto_falls_back_to_311_with_a_broker_that_hangs_up(scripted: Callable[..., ScriptedBroker]) -> None:
    broker = scripted(lambda version: CONNACK_311 if version == 4 else None)
    choice = ProtocolChoice("auto")
    while isinstance((first := happenings(connect(broker.port, choice.version))[0]), Lost):
        assert first.is_version
        choice.not_understood()
    assert broker.versions == [5, 5, 4]
    assert isinstance(first, Connected)


def test_the_receive_maximum_is_told(scripted: Callable[..., ScriptedBroker]) -> None:
    properties = bytes([0x21]) + struct.pack(">H", 7)
    broker = scripted(lambda _: bytes([0x20, 6, 0, 0, 3]) + properties)
    connection = connect(broker.port)
    assert happenings(connection) == [Connected(7)]
    connection.close()


def test_an_abandoned_connection_says_nothing_and_publishes_nothing(embedded: EmbeddedBroker) -> None:
    connection = connect(embedded.port)
    connection.close()
    for _ in range(50):
        assert connection.poll() == []
    connection.publish("t", b"x", token=1, retain=False)
    assert connection.poll() == []


def test_a_password_file_that_cannot_be_read_is_a_loss_with_its_name(embedded: EmbeddedBroker) -> None:
    [lost] = happenings(connect(embedded.port, username="u", password_file="/nowhere/password"))
    assert isinstance(lost, Lost)
    assert "/nowhere/password" in lost.reason


@pytest.fixture
def tls_port(directory: Path, mosquitto: Callable[..., Mosquitto]) -> int:
    """A mosquitto that shows ``directory/cert.pem``."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed (apt install openssl)")
    cert, key = _certificate(directory)
    port = free_port()
    mosquitto(f"listener {port} 127.0.0.1", f"certfile {cert}", f"keyfile {key}")
    return port


def test_tls_carries_publications(directory: Path, tls_port: int) -> None:
    connection = connect(tls_port, tls=TlsConfig(ca=str(directory / "cert.pem")))
    [connected] = happenings(connection)
    assert isinstance(connected, Connected)
    connection.publish("t", b"x", token=5, retain=True)
    assert happenings(connection) == [Answered(5, 0x10)]
    connection.close()


# paho 2.2 leaves the sockets of failed connections to the garbage collector
@pytest.mark.filterwarnings("ignore:Exception ignored in.*[Ss]ocket:pytest.PytestUnraisableExceptionWarning")
def test_a_broker_with_another_certificate_is_refused(directory: Path, tls_port: int) -> None:
    (directory / "other").mkdir()
    other, _ = _certificate(directory / "other")
    [lost] = happenings(connect(tls_port, tls=TlsConfig(ca=str(other))))
    gc.collect()
    assert isinstance(lost, Lost)
    assert "certificate verify failed" in lost.reason


def _certificate(directory: Path) -> tuple[Path, Path]:
    cert, key = directory / "cert.pem", directory / "key.pem"
    subprocess.run(
        [
            *(
                "openssl",
                "req",
                "-x509",
                "-newkey",
                "rsa:2048",
                "-nodes",
                "-days",
                "1",
                "-subj",
                "/CN=broker",
            ),
            *("-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(cert)),
        ],
        check=True,
        capture_output=True,
    )
    return cert, key


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_the_embedded_broker_speaks_either_version(directory: Path, version: Version) -> None:
    with EmbeddedBroker(directory, version) as broker:
        assert broker.pid > 0
        connection = connect(broker.port, version)
        [connected] = happenings(connection)
        assert isinstance(connected, Connected)
        connection.publish("t", b"x", token=1, retain=False, expiry_s=10)
        assert happenings(connection) == [Answered(1, 0)]
        connection.close()
    assert broker.pid == 0
    broker.stop()


def test_an_embedded_broker_that_cannot_start_says_where_to_look(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.ward.broker._CONFIGURATION", "nonsense {table}{host}{port}")
    with pytest.raises(BrokerError, match=r"broker\.log"):
        EmbeddedBroker(directory).start()
