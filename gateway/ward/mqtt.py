"""One MQTT connection: the only user of paho-mqtt.

Theory of operation
-------------------
A ``Connection`` is used once: *connecting*, *up*, *over*.  A new one is made for each attempt, so
nothing that paho queued, counted or half sent for a dead connection can reach the next one.

paho's own loop thread is not used: an exception in it ends the thread while ``is_connected()``
stays true for ever, and a lock held around ``publish`` can deadlock with its callbacks.  Only name
lookup, TCP connect and TLS handshake, which block, run in a thread that ends when they are done;
from then on the caller's ``poll`` moves the bytes and paho's callbacks, which only append to a list,
run inside it.  paho's errors on a broker's garbage end the connection like any other loss.

The link publishes and never subscribes.  Each connection starts clean, because the journal is the
session.  With MQTT 5 the Will waits ``WILL_DELAY_S`` so that a short outage is not "lost" at once, and
the session expires no earlier than that, or the broker would end both together.

Sources: MQTT 5.0 and 3.1.1 (OASIS); paho-mqtt 2.2.0.
"""

import logging
import ssl
import struct
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Event, Thread
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt import MQTTException
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from gateway.config import MqttConfig
from gateway.ward.reconnect import Version

WILL_DELAY_S = 8
CONNECT_S = 5.0
CONTENT_TYPE = "application/json"
_UNSUPPORTED_VERSION = 0x84
_NO_LIMIT = 65_535  # Receive Maximum when the broker names none (MQTT 5, 3.2.2.3.3)
_PEER_ERRORS = (OSError, ValueError, LookupError, TypeError, struct.error, MQTTException)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Will:
    """What the broker publishes, retained, when the link vanishes."""

    topic: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Connected:
    """The broker accepted; at most ``receive_maximum`` publications may wait for an answer."""

    receive_maximum: int


@dataclass(frozen=True, slots=True)
class Answered:
    """The PUBACK to the publication with ``token``; on 3.1.1 ``reason`` is always 0."""

    token: int
    reason: int


@dataclass(frozen=True, slots=True)
class Lost:
    """The connection is over.  ``is_version`` when the broker may not speak this version."""

    reason: str
    is_version: bool


Happening = Connected | Answered | Lost


class Connection:
    """One attempt to reach the broker and, if it succeeds, one connection."""

    def __init__(self, config: MqttConfig, version: Version, client_id: str, will: Will) -> None:
        self._config = config
        self._version = version
        self._happenings: list[Happening] = []
        self._tokens: dict[int, int] = {}
        self._refusal: ReasonCode | None = None
        self._is_accepted = False
        self._is_over = False
        self._dialled: SimpleQueue[str] = SimpleQueue()
        self._is_dialling = True
        self._abandoned = Event()
        self._client = _client(version, client_id, will)
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_publish = self._on_publish
        Thread(target=self._dial, name="rvos-dial", daemon=True).start()

    @property
    def descriptor(self) -> int | None:
        """What to wait on for reading, once there is something."""
        socket = None if self._is_dialling else self._client.socket()
        return None if socket is None else socket.fileno()

    @property
    def wants_write(self) -> bool:
        return not self._is_dialling and self._client.want_write()

    def poll(self) -> list[Happening]:
        """Move the bytes that can move; everything that happened since the last call."""
        if self._is_dialling:
            self._end_dialling()
        if not self._is_dialling and not self._is_over:
            self._move_bytes()
        happenings, self._happenings = self._happenings, []
        return happenings

    def publish(
        self, topic: str, payload: bytes, *, token: int | None, retain: bool, expiry_s: int | None = None
    ) -> None:
        """Send at QoS 1 with a ``token`` to be answered, at QoS 0 without; over means dropped."""
        if self._is_over:
            return
        qos = 0 if token is None else 1
        try:
            sent = self._client.publish(topic, payload, qos, retain, self._properties(expiry_s))
        except _PEER_ERRORS as error:
            self._fail(f"publishing on {topic}: {error}")
            return
        if token is not None:
            self._tokens[sent.mid] = token

    def close(self) -> None:
        """Say goodbye (the broker drops the Will) and hang up."""
        self._is_over = True
        self._abandoned.set()
        if not self._is_dialling:
            self._client.disconnect()

    def _dial(self) -> None:
        """In its own thread: everything that blocks; an empty result is success."""
        result = "the connecting thread died"
        try:
            self._prepare()
            self._client.connect(**_arguments(self._config, self._version))
            result = ""
        except _PEER_ERRORS as error:
            result = f"{self._config.host}:{self._config.port}: {error}"
        finally:
            if self._abandoned.is_set():
                self._client.disconnect()
            self._dialled.put(result)

    def _prepare(self) -> None:
        tls = self._config.tls
        if tls is not None:
            self._client.tls_set(tls.ca, tls.cert, tls.key, tls_version=ssl.PROTOCOL_TLS_CLIENT)
        if self._config.username is not None:
            self._client.username_pw_set(self._config.username, _password(self._config.password_file))

    def _end_dialling(self) -> None:
        try:
            problem = self._dialled.get_nowait()
        except Empty:
            return
        self._is_dialling = False
        if problem:
            self._lose(problem, is_version=False)

    def _move_bytes(self) -> None:
        try:
            self._client.loop_read()
            if self._client.want_write():
                self._client.loop_write()
            self._client.loop_misc()
        except _PEER_ERRORS as error:
            self._fail(f"the broker sent what MQTT does not allow ({error!r})")

    def _fail(self, problem: str) -> None:
        self._lose(problem, is_version=False)
        self._client.disconnect()

    def _lose(self, reason: str, *, is_version: bool) -> None:
        if not self._is_over:
            self._is_over = True
            self._happenings.append(Lost(reason, is_version))

    def _properties(self, expiry_s: int | None) -> Properties | None:
        if self._version != "5":
            return None
        properties = _empty(PacketTypes.PUBLISH)
        properties.PayloadFormatIndicator = 1
        properties.ContentType = CONTENT_TYPE
        if expiry_s is not None:
            properties.MessageExpiryInterval = expiry_s
        return properties

    def _on_connect(
        self,
        _client: paho.Client,
        _data: Any,
        _flags: paho.ConnectFlags,
        reason: ReasonCode,
        properties: Properties | None,
    ) -> None:
        if reason.is_failure:
            self._refusal = reason
            return
        self._is_accepted = True
        self._happenings.append(Connected(getattr(properties, "ReceiveMaximum", _NO_LIMIT)))

    def _on_disconnect(
        self,
        _client: paho.Client,
        _data: Any,
        _flags: paho.DisconnectFlags,
        reason: ReasonCode,
        _: Properties | None,
    ) -> None:
        refusal = self._refusal
        silent = refusal is None and not self._is_accepted
        unsupported = refusal is not None and refusal.value == _UNSUPPORTED_VERSION
        self._lose(f"{refusal or reason}", is_version=silent or unsupported)

    def _on_publish(
        self, _client: paho.Client, _data: Any, mid: int, reason: ReasonCode, _properties: Properties
    ) -> None:
        token = self._tokens.pop(mid, None)
        if token is not None:
            self._happenings.append(Answered(token, reason.value))


def _client(version: Version, client_id: str, will: Will) -> paho.Client:
    is_v5 = version == "5"
    client = paho.Client(
        CallbackAPIVersion.VERSION2,
        client_id=client_id,
        clean_session=None if is_v5 else True,
        protocol=MQTTProtocolVersion.MQTTv5 if is_v5 else MQTTProtocolVersion.MQTTv311,
        reconnect_on_failure=False,
    )
    client.connect_timeout = CONNECT_S
    delay = None
    if is_v5:
        delay = _empty(PacketTypes.WILLMESSAGE)
        delay.WillDelayInterval = WILL_DELAY_S
        delay.ContentType = CONTENT_TYPE
    client.will_set(will.topic, will.payload, qos=1, retain=True, properties=delay)
    return client


def _arguments(config: MqttConfig, version: Version) -> dict[str, Any]:
    basic: dict[str, Any] = {"host": config.host, "port": config.port, "keepalive": config.keepalive_s}
    if version != "5":
        return basic
    expiry = _empty(PacketTypes.CONNECT)
    expiry.SessionExpiryInterval = WILL_DELAY_S
    return {**basic, "clean_start": True, "properties": expiry}


def _empty(packet: int) -> Properties:
    return Properties(packet)  # type: ignore[no-untyped-call]  # paho left its constructor untyped


def _password(path: str | None) -> str | None:
    """The first line of the password file, read anew for each connection."""
    return None if path is None else Path(path).read_text().partition("\n")[0]
