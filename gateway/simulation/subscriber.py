"""Somebody on the ward who listens: an MQTT subscriber that keeps what it received.

Theory of operation
-------------------
paho's thread only puts messages into a queue; the caller takes them out.  It subscribes again at every
connection, because a broker that died has forgotten it.  ``events`` tells which numbered facts came;
the link may send one twice, and a consumer drops the second by ``(device, seq)``.
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


class _Numbered(msgspec.Struct):
    seq: int


class Subscriber:
    """Subscribed to everything below ``rvos/v1``."""

    def __init__(self, host: str, port: int) -> None:
        self.messages: queue.SimpleQueue[tuple[str, bytes]] = queue.SimpleQueue()
        self._events: list[int] = []
        self._subscribed: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._client = paho.Client(
            CallbackAPIVersion.VERSION2, client_id="rvos-subscriber", protocol=paho.MQTTv5
        )
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = lambda *_: self._subscribed.put(None)
        self._client.on_message = self._on_message
        self._client.reconnect_delay_set(1, 2)
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
                self._note(topic, payload)
                if topic.endswith(tail):
                    return payload
        except queue.Empty:
            return None

    def events(self) -> list[int]:
        """The event numbers received so far, in order of arrival, duplicates included."""
        while not self.messages.empty():
            self._note(*self.messages.get())
        return list(self._events)

    def _note(self, topic: str, payload: bytes) -> None:
        if "/event/" in topic or topic.endswith("/session/summary"):
            self._events.append(msgspec.json.decode(payload, type=_Numbered).seq)

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
