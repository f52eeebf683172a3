"""pysciencemode as the client of a RehaStim2: greet, set up, start, update, stop. Prints one JSON object.

Run under the peer's interpreter with the port's path.  The package's own durations do the waiting.
"""

import json
import sys

# This file has the package's name: what stands beside it must not be found first.
sys.path = [entry for entry in sys.path if not entry.endswith("clients")]

from pysciencemode import Channel, Device, Modes, Rehastim2  # noqa: E402


def channel(number: int, amplitude_ma: int, width_us: int) -> Channel:
    return Channel(
        mode=Modes.SINGLE,
        no_channel=number,
        amplitude=amplitude_ma,
        pulse_width=width_us,
        name=f"channel {number}",
        device_type=Device.Rehastim2,
    )


def main(port: str) -> None:
    stimulator = Rehastim2(port=port, show_log=False)
    first, second = channel(1, 20, 300), channel(5, 15, 240)
    stimulator.init_channel(stimulation_interval=20, list_channels=[first, second])
    stimulator.start_stimulation(stimulation_duration=0.2)
    first.set_amplitude(30)
    first.set_pulse_width(350)
    stimulator.start_stimulation(upd_list_channels=[first, second], stimulation_duration=2.0)
    stimulator.end_stimulation()
    failed = stimulator.error_occured
    stimulator.disconnect()
    stimulator.close_port()
    print(json.dumps({"failed": failed, "sent": stimulator.packet_count}))


main(sys.argv[1])
