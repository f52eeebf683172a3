"""The ScienceMode4 codec under any interpreter: ``micropython sciencemode4_portable.py ROOT``; prints ok."""

import sys

sys.path.insert(0, sys.argv[1])

from drivers import sciencemode4_messages as messages
from drivers.sciencemode4 import Decoder, Packet, encode

GOLDEN = bytes.fromhex("f081558170818e81c724201113005012c581a50012c3700013005012c581a50012c370000f")
TRAIN = messages.Train(20000, 3, messages.biphasic(40000, 300))

packet = Packet(9, messages.ML_UPDATE, messages.encode_ml_update((TRAIN, None, None, None, TRAIN)))
assert encode(packet) == GOLDEN
decoder = Decoder()
heard = []
for byte in b"noise" + GOLDEN + GOLDEN[:20] + GOLDEN:
    heard += decoder.feed(bytes([byte]))
assert heard == [packet, packet]
assert (decoder.frames, decoder.malformed, decoder.resyncs) == (2, 1, 2)
trains = messages.decode_ml_update(heard[0].data)
assert trains is not None
assert trains[0] == TRAIN

version = messages.Version("2.0.1", "4.0.0", 0x5EED, 1, True)
assert messages.decode_version(messages.encode_version(version)) == version
reply = messages.PulseReply(0, 2, 0, 1, 52, tuple(range(128)))
assert messages.decode_pulse_reply(messages.encode_pulse_reply(reply)) == reply
current = messages.CurrentData(1, (0, 1, 2, 3, 0, 0, 0, 1), 0)
assert messages.decode_current_data(messages.encode_current_data(current)) == current
pulse = messages.Pulse(True, 3, 1, messages.biphasic(500, 10, 10))
assert messages.decode_ll_channel_config(messages.encode_ll_channel_config(pulse)) == pulse
try:
    messages.encode_ml_update((messages.Train(20000, 0, (messages.Point(9, 500),)),))
except ValueError:
    print("ok")
