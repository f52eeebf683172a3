"""Under the peer's interpreter: the frames that ``science-mode-4`` makes of the requests in a file.

Usage: ``science_mode_4_encoder.py REQUESTS``: a JSON list of objects; prints ``{"frames": [hex, ...]}``.
"""

import json
import logging
import sys
from pathlib import Path
from typing import Any

from science_mode_4 import ChannelPoint, MidLevelChannelConfiguration
from science_mode_4.general.general_device_id import PacketGeneralGetDeviceId
from science_mode_4.general.general_reset import PacketGeneralReset
from science_mode_4.general.general_stim_status import PacketGeneralGetStimStatus
from science_mode_4.general.general_version import PacketGeneralGetExtendedVersion
from science_mode_4.low_level.low_level_channel_config import PacketLowLevelChannelConfig
from science_mode_4.low_level.low_level_init import PacketLowLevelInit
from science_mode_4.low_level.low_level_stop import PacketLowLevelStop
from science_mode_4.mid_level.mid_level_current_data import PacketMidLevelGetCurrentData
from science_mode_4.mid_level.mid_level_init import PacketMidLevelInit
from science_mode_4.mid_level.mid_level_stop import PacketMidLevelStop
from science_mode_4.mid_level.mid_level_update import PacketMidLevelUpdate
from science_mode_4.protocol.protocol import Protocol

Points = list[tuple[int, float]]

SIMPLE = {
    "device id": PacketGeneralGetDeviceId,
    "reset": PacketGeneralReset,
    "stimulation status": PacketGeneralGetStimStatus,
    "extended version": PacketGeneralGetExtendedVersion,
    "low-level stop": PacketLowLevelStop,
    "current data": PacketMidLevelGetCurrentData,
    "stop": PacketMidLevelStop,
}


def points_of(points: Points) -> list[Any]:
    return [ChannelPoint(duration_us, current_ma) for duration_us, current_ma in points]


def low_level_init(request: dict[str, Any]) -> Any:
    packet = PacketLowLevelInit()
    packet.mode = request["measurement"]
    packet.high_voltage_source = request["high_voltage"]
    return packet


def low_level_pulse(request: dict[str, Any]) -> Any:
    packet = PacketLowLevelChannelConfig()
    packet.execute_stimulation = request["execute"]
    packet.channel = request["channel"]
    packet.connector = request["connector"]
    packet.points = points_of(request["points"])
    return packet


def init(request: dict[str, Any]) -> Any:
    packet = PacketMidLevelInit()
    packet.do_stop_on_all_errors = request["stop_all"]
    return packet


def update(request: dict[str, Any]) -> Any:
    packet = PacketMidLevelUpdate()
    packet.channel_configuration = [
        train
        and MidLevelChannelConfiguration(True, train["ramp"], train["period_ms"], points_of(train["points"]))
        for train in request["trains"]
    ]
    return packet


MAKERS = {
    "low-level init": low_level_init,
    "low-level pulse": low_level_pulse,
    "init": init,
    "update": update,
}


def frame(request: dict[str, Any]) -> str:
    name = request["name"]
    packet = SIMPLE[name]() if name in SIMPLE else MAKERS[name](request)
    packet.number = request["number"]
    return bytes(Protocol.packet_to_bytes(packet)).hex()


def main() -> None:
    logging.disable(logging.CRITICAL)
    requests = json.loads(Path(sys.argv[1]).read_text())
    print(json.dumps({"frames": [frame(request) for request in requests]}))


main()
