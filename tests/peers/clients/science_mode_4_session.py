"""Under the peer's interpreter: ``science-mode-4`` as the client of a P24 at the end of a pseudo-terminal.

Usage: ``science_mode_4_session.py PATH``.  Prints one JSON object.
"""

import asyncio
import json
import logging
import sys
from typing import Any

from science_mode_4 import (
    Channel,
    ChannelPoint,
    Connector,
    DeviceP24,
    MidLevelChannelConfiguration,
    SerialPortConnection,
)
from science_mode_4.low_level.low_level_types import LowLevelHighVoltageSource, LowLevelMode


def train(current_ma: float) -> Any:
    points = [ChannelPoint(300, current_ma), ChannelPoint(300, -current_ma)]
    return MidLevelChannelConfiguration(True, 3, 20, points)


async def status(device: Any) -> list[Any]:
    told = await device.get_layer_general().get_stim_status()
    return [told.stim_status.name, told.high_voltage_on]


async def identify(device: Any, found: dict[str, Any]) -> None:
    await device.initialize()
    general = device.get_layer_general()
    found["identity"] = [
        general.device_id.rstrip("\0"),
        general.firmware_version,
        general.science_mode_version,
    ]


async def mid_level(device: Any, found: dict[str, Any]) -> None:
    layer = device.get_layer_mid_level()

    async def active() -> list[bool]:
        return (await layer.get_current_data()).is_stimulation_active_per_channel

    await layer.init(False)
    found["initialised"] = await status(device)
    trains = [train(40), None, None, None, train(12.5)]
    await layer.update(trains)
    found["running"] = await status(device)
    found["active"] = await active()
    found["errors"] = [error.name for error in (await layer.get_current_data()).channel_error]
    while (await status(device))[0] == "MID_LEVEL_RUNNING":
        continue  # the status is no sign of life: after two seconds the device pauses
    found["paused"] = await active()
    await layer.update(trains)
    found["resumed"] = await active()
    await layer.update([None] * 7 + [train(40)])
    told = await layer.get_current_data()
    found["electrode"] = [
        told.is_stimulation_active_per_channel,
        [error.name for error in told.channel_error],
    ]
    await layer.stop()
    found["stopped"] = await status(device)


async def low_level(device: Any, found: dict[str, Any]) -> None:
    layer = device.get_layer_low_level()
    await layer.init(LowLevelMode.NO_MEASUREMENT, LowLevelHighVoltageSource.STANDARD)
    found["low_level"] = await status(device)
    points = [ChannelPoint(200, 20), ChannelPoint(100, 0), ChannelPoint(200, -20)]
    outputs = [(Channel.RED, Connector.YELLOW), (Channel.WHITE, Connector.GREEN)]
    found["pulses"] = []
    for channel, connector in outputs:
        layer.send_channel_config(True, channel, connector, points)
        ack = None
        while ack is None:
            await asyncio.sleep(0)
            ack = layer.packet_buffer.get_packet_from_buffer()
        found["pulses"].append([ack.result.name, ack.channel, ack.connector])
    await layer.stop()
    found["low_level_stopped"] = await status(device)


async def main() -> None:
    logging.disable(logging.CRITICAL)
    connection = SerialPortConnection(sys.argv[1])
    connection.open()
    found: dict[str, Any] = {}
    device = DeviceP24(connection)
    await identify(device, found)
    await mid_level(device, found)
    await low_level(device, found)
    await device.get_layer_general().reset()
    connection.close()
    print(json.dumps(found))


asyncio.run(main())
