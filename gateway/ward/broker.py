"""The embedded broker: iotcore (rumqttd) as a process of its own on 127.0.0.1.

Theory of operation
-------------------
iotcore's ``--port`` speaks MQTT 3.1.1 only; a rumqttd configuration file has listeners of both kinds.
One broker serves one version here, on purpose: measured on iotcore 0.4.0, a single MQTT 5 publication
with properties (a Will delay suffices) makes the whole 3.1.1 listener of the same broker panic as soon as a
3.1.1 client has subscribed, and it never recovers.

The port is chosen free by the kernel, given back and then used by the broker; when something else
takes it in between, the broker dies and ``start`` tries another.  ``start`` returns when the port
answers.  Nothing is kept on disk: who needs that installs mosquitto.

Works for the demo and for tests; a ward has its own broker.
"""

import socket
import subprocess
import sys
from pathlib import Path
from types import TracebackType

from gateway.ward.errors import BrokerError
from gateway.ward.reconnect import Version

HOST = "127.0.0.1"
_ATTEMPTS = 3
_POLLS = 200
_POLL_S = 0.05
_STOP_S = 5.0
_TABLES: dict[Version, str] = {"5": "v5.1", "3.1.1": "v4.1"}
_CONFIGURATION = """\
id = 0

[router]
id = 0
max_connections = 64
max_outgoing_packet_count = 200
max_segment_size = 10485760
max_segment_count = 10

[{table}]
name = "rvos"
listen = "{host}:{port}"
next_connection_delay_ms = 1

[{table}.connections]
connection_timeout_ms = 5000
max_payload_size = 1048576
max_inflight_count = 100
"""


class EmbeddedBroker:
    """A broker that lives as long as it is wanted; its configuration and log go to ``directory``."""

    def __init__(self, directory: Path, version: Version = "5", port: int | None = None) -> None:
        self._directory = directory
        self._version = version
        self._fixed_port = port
        self._port = 0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def port(self) -> int:
        return self._port

    @property
    def pid(self) -> int:
        """The process number; 0 while it does not run."""
        return 0 if self._process is None else self._process.pid

    def start(self) -> None:
        """Raises ``BrokerError`` when iotcore is not installed or does not start."""
        for _ in range(_ATTEMPTS):
            self._port = self._fixed_port or free_port()
            self._process = self._launch()
            if self._answers(self._process):
                return
            self.stop()
        raise BrokerError(
            f"the embedded broker does not start: read {self._log_path}; "
            'is the package "iotcore" installed (pip install "rvos[demo]")?'
        )

    def stop(self) -> None:
        """End the process; a second call does nothing."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def kill(self) -> None:
        """End it as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def __enter__(self) -> "EmbeddedBroker":
        self.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def _log_path(self) -> Path:
        return self._directory / "broker.log"

    def _launch(self) -> subprocess.Popen[bytes]:
        path = self._directory / "broker.toml"
        path.write_text(_CONFIGURATION.format(table=_TABLES[self._version], host=HOST, port=self._port))
        with self._log_path.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "iotcore", "--config", str(path)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def _answers(self, process: subprocess.Popen[bytes]) -> bool:
        for _ in range(_POLLS):
            try:
                socket.create_connection((HOST, self._port), _POLL_S).close()
            except OSError:
                if _has_ended(process):
                    return False
            else:
                return True
        return False


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on at this instant."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _has_ended(process: subprocess.Popen[bytes]) -> bool:
    """Waits a moment for it."""
    try:
        process.wait(_POLL_S)
    except subprocess.TimeoutExpired:
        return False
    return True
