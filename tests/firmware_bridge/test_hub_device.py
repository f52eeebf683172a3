"""The hub stepped by hand: what it answers, when it sends, what it tells of losses. On MicroPython too."""

from firmware_bridge import ecp, hub
from firmware_bridge.hub_mcu.device import MOST_AT_ONCE, STATUS_MS
from tests.firmware_bridge.hub_bench import FORCE, HELLO, NONCE, HubBench


def streaming(streams: int = 7) -> HubBench:
    bench = HubBench()
    assert bench.start(streams) == (hub.OK, streams)
    return bench


def test_it_says_who_it_is_and_what_it_measures() -> None:
    bench = HubBench()
    assert hub.decode_hello_reply(bench.ask(hub.encode_hello_request())) == HELLO
    # another protocol gets the same answer and sees for itself
    assert hub.decode_hello_reply(bench.ask(hub.encode_hello_request(9, 9))) == HELLO


def test_it_is_silent_and_powered_down_until_it_is_started() -> None:
    bench = HubBench()
    bench.put(0)
    for _ in range(200):
        assert bench.step() == []
    assert bench.board.calls == ["stop"]


def test_a_stranger_and_a_stream_that_is_not_there_start_nothing() -> None:
    bench = HubBench()
    assert bench.start(nonce=NONCE + 1) == (hub.WRONG_NONCE, 0)
    assert bench.start(0) == (hub.NO_SUCH_STREAM, 0)
    assert bench.start(8) == (hub.NO_SUCH_STREAM, 0)
    assert bench.board.calls == ["stop"]


def test_what_cannot_be_read_is_refused() -> None:
    bench = HubBench()
    start = ecp.Decoder().feed(hub.encode_start_request(7, NONCE))[0].content
    for code, content, error in (
        (0x40, b"", ecp.ERROR_UNKNOWN_FUNCTION),
        (hub.SAMPLES, b"", ecp.ERROR_UNKNOWN_FUNCTION),
        (hub.START, b"\x07", ecp.ERROR_LENGTH),
        (hub.STOP, b"\x07", ecp.ERROR_LENGTH),
        (hub.START, start[:-1] + bytes((start[-1] ^ 1,)), ecp.ERROR_CRC),
        (hub.PING, b"\x01\x02\x03\x04", ecp.ERROR_CRC),
    ):
        reply = bench.ask(ecp.encode_frame(code, content))
        assert (reply.code, reply.content) == (ecp.NACK, bytes((error,)))
    assert bench.board.calls == ["stop"]


def test_a_packet_for_each_block_of_the_leading_stream() -> None:
    bench = streaming()
    blocks = [bench.put(0, first) for first in (0, 50, 100)]
    pulse = bench.put(2, 7)
    first, second, third = bench.step()
    assert first.blocks == ((0, 0, blocks[0]), (2, 0, pulse))
    assert second.blocks == ((0, 4, blocks[1]),)
    assert third.blocks == ((0, 8, blocks[2]),)
    assert [one.layout for one in (first, second, third)] == [5, 1, 1]
    assert [one.counter for one in (first, second, third)] == [0, 1, 2]
    assert first.device_us == 2000


def test_a_stream_that_does_not_lead_waits_for_the_one_that_does() -> None:
    bench = streaming()
    force = bench.put(1)
    assert bench.step() == []
    bench.put(0)
    (packet,) = bench.step()
    assert packet.layout == 3
    assert packet.blocks[1] == (1, 0, force)


def test_but_not_for_more_than_two_periods() -> None:
    bench = streaming()
    bench.put(1)
    assert bench.step(3) == []
    (packet,) = bench.step(1)
    assert packet.layout == 2


def test_without_any_sample_it_still_says_how_it_is() -> None:
    bench = streaming()
    bench.board.raised = hub.FORCE_NOT_READY
    bench.board.off = 3
    assert bench.step(STATUS_MS - 1) == []
    (packet,) = bench.step(1)
    assert (packet.layout, packet.blocks) == (0, ())
    assert (packet.flags, packet.electrodes_off) == (hub.FORCE_NOT_READY, 3)
    assert bench.step(STATUS_MS - 1) == []


def test_a_slow_hub_sends_only_what_it_has() -> None:
    """An HX711 at 80 samples a second: 22 bytes every 12.5 ms."""
    bench = HubBench((FORCE,), 12500)
    bench.start(1)
    force = bench.put(0)
    bench.device.step(13, 13000)
    sent = bench.device.outgoing()
    assert len(sent) == 22 + sent[2:-2].count(b"\xff\xff")
    (packet,) = bench.decoder.feed(sent)
    samples = bench.packing.decode(packet)
    assert samples is not None
    assert samples.blocks == ((0, 0, force),)


def test_only_what_was_asked_for_is_sent() -> None:
    bench = streaming(4)
    bench.put(0)
    bench.put(2)
    (packet,) = bench.step()
    assert packet.layout == 4
    assert bench.board.calls == ["stop", 4]


def test_what_the_board_lost_shows_in_the_index_and_in_the_flags() -> None:
    bench = streaming()
    bench.put(0)
    bench.step()
    bench.board.lost_frames[0] = 40
    bench.put(0)
    (packet,) = bench.step()
    assert packet.blocks[0][1] == 44
    assert packet.flags == hub.LOST
    bench.put(0)
    (packet,) = bench.step()
    assert (packet.blocks[0][1], packet.flags) == (48, 0)


def test_numbers_go_round() -> None:
    bench = streaming()
    bench.device._counter = 65535
    bench.device._next[0] = 65534
    for index in (65534, 2):
        bench.put(0)
        (packet,) = bench.step()
        assert packet.blocks[0][1] == index
    assert packet.counter == 0


def test_with_nobody_to_read_the_samples_wait_with_the_board() -> None:
    bench = streaming()
    for _ in range(200):
        bench.put(0)
        bench.device.step(bench.now_ms, 0)
    assert bench.board.waiting(0) > 180
    bench.board.lost_frames[0] = 8
    packets: list[hub.Samples] = []
    while bench.board.waiting(0):
        packets.extend(bench.step())
    packets.extend(bench.step())
    assert [packet.counter for packet in packets] == list(range(200))
    indices = [packet.blocks[0][1] for packet in packets]
    assert indices[0] == 0
    assert indices[-1] == 4 * 199 + 8
    assert bench.device.dropped == 0


def test_replies_that_nobody_collects_are_dropped_whole() -> None:
    bench = HubBench()
    for _ in range(100):
        bench.device.receive(hub.encode_hello_request(), 0)
    assert bench.device.dropped > 80
    assert len(bench.collect()) == 100 - bench.device.dropped


def test_late_it_catches_up_in_bounded_steps() -> None:
    bench = streaming()
    for _ in range(20):
        bench.put(0)
    assert [len(bench.step()) for _ in range(4)] == [MOST_AT_ONCE, MOST_AT_ONCE, 20 - 2 * MOST_AT_ONCE, 0]


def test_stop_stops_and_a_new_start_begins_at_zero() -> None:
    bench = streaming()
    bench.put(0)
    bench.step()
    assert hub.decode_stop_reply(bench.ask(hub.encode_stop_request())) == hub.OK
    bench.put(0)
    assert bench.step(500) == []
    bench.start()
    bench.put(0)
    (packet,) = bench.step()
    assert (packet.counter, packet.blocks[0][1]) == (0, 0)
    assert bench.board.calls == ["stop", 7, "stop", 7]


def test_a_host_that_is_gone_stops_it() -> None:
    bench = streaming()
    while bench.now_ms < hub.SILENT_HOST_MS:
        bench.put(0)
        assert len(bench.step(10)) == 1
    assert bench.step(1) == []
    assert bench.board.calls[-1] == "stop"
    assert bench.device.wanted == 0


def test_any_request_keeps_it_going_and_noise_does_not() -> None:
    bench = streaming()
    bench.now_ms = 4000
    reply = bench.ask(hub.encode_ping_request(5))
    assert hub.decode_ping_reply(reply) == (5, 0)
    bench.now_ms = 9000
    bench.device.receive(b"noise\xff\xf1\x40\x00\xff\xf2", 9000)
    bench.collect()
    bench.step(0)
    assert bench.device.wanted == 7
    bench.step(1)
    assert bench.device.wanted == 0
