"""Somebody on the ward who listens: an MQTT subscriber that keeps what it received.

Theory of operation
-------------------
paho's thread only puts messages into a queue; the caller takes them out.  Duplicates, which the link
may send after a reconnect, are dropped by ``(device, seq)`` where a payload has a ``seq`` of its own.
"""

import queue
from typing import Any

import msgspec
import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

_CONNECT_S = 10.0


class SubscriberError(Exception):
    """The broker could not be reached."""


class Subscriber:
    """Subscribed to everything below ``rvos/v1``."""

    def __init__(self, host: str, port: int) -> None:
        self.messages: queue.SimpleQueue[tuple[str, bytes]] = queue.SimpleQueue()
        self._subscribed: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._client = paho.Client(
            CallbackAPIVersion.VERSION2, client_id="rvos-subscriber", protocol=paho.MQTTv5
        )
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = lambda *_: self._subscribed.put(None)
        self._client.on_message = self._on_message
        self._client.connect(host, port)
        self._client.loop_start()
        try:
            self._subscribed.get(timeout=_CONNECT_S)
        except queue.Empty:
            self.close()
            raise SubscriberError(f"no broker answers at {host}:{port}") from None

    def wait_for(self, tail: str, timeout_s: float) -> bytes | None:
        """The next message whose topic ends so, ``None`` when none comes in time."""
        try:
            while True:
                topic, payload = self.messages.get(timeout=timeout_s)
                if topic.endswith(tail):
                    return payload
        except queue.Empty:
            return None

    def close(self) -> None:
        """Leave."""
        self._client.disconnect()
        self._client.loop_stop()

    def _on_connect(
        self, client: paho.Client, data: Any, flags: Any, reason: ReasonCode, properties: Properties | None
    ) -> None:
        client.subscribe("rvos/v1/#", qos=1)

    def _on_message(self, client: paho.Client, data: Any, message: paho.MQTTMessage) -> None:
        self.messages.put((message.topic, bytes(message.payload)))


def sequence_of(payload: bytes) -> int | None:
    """The ``seq`` of a payload, ``None`` where it has none."""
    try:
        document = msgspec.json.decode(payload)
    except msgspec.DecodeError:
        return None
    return document.get("seq") if isinstance(document, dict) else None
