"""A TCP relay in front of a broker that keeps every MQTT packet of both directions, in order."""

import selectors
import socket
import threading


class Tap:
    """A TCP relay in front of a broker that keeps the packets of both directions in order."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._server.getsockname()[1])
        self._stop, self._stopped = socket.socketpair()
        self.packets: list[tuple[str, int, bytes]] = []  # direction, first byte, rest
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._server, selectors.EVENT_READ)
            selector.register(self._stopped, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select():
                    if key.fileobj is self._stopped:
                        self._close(selector)
                        return
                    if key.fileobj is self._server:
                        self._accept(selector)
                    else:
                        self._relay(selector, key)

    def _accept(self, selector: selectors.BaseSelector) -> None:
        client, _ = self._server.accept()
        broker = socket.create_connection(("127.0.0.1", self._target))
        selector.register(client, selectors.EVENT_READ, (broker, "up", bytearray()))
        selector.register(broker, selectors.EVENT_READ, (client, "down", bytearray()))

    def _relay(self, selector: selectors.BaseSelector, key: selectors.SelectorKey) -> None:
        other, direction, stream = key.data
        assert isinstance(key.fileobj, socket.socket)
        try:
            data = key.fileobj.recv(65536)
            stream += data
            self._split(direction, stream)
            other.sendall(data)
        except OSError:
            data = b""
        if not data:
            for end in (key.fileobj, other):
                if end.fileno() >= 0:
                    selector.unregister(end)
                    end.close()

    def _split(self, direction: str, stream: bytearray) -> None:
        while (packet := _first_packet(stream)) is not None:
            self.packets.append((direction, packet[0], packet[1]))

    def _close(self, selector: selectors.BaseSelector) -> None:
        for key in list(selector.get_map().values()):
            assert isinstance(key.fileobj, socket.socket)
            key.fileobj.close()

    def close(self) -> None:
        self._stop.send(b"x")
        self._thread.join()
        self._stop.close()


def _first_packet(stream: bytearray) -> tuple[int, bytes] | None:
    """Take one whole MQTT packet off the front of ``stream``."""
    length, shift, at = 0, 0, 1
    while at < len(stream):
        length |= (stream[at] & 0x7F) << shift
        shift += 7
        at += 1
        if not stream[at - 1] & 0x80:
            break
    else:
        return None
    if len(stream) < at + length:
        return None
    packet = stream[0], bytes(stream[at : at + length])
    del stream[: at + length]
    return packet
