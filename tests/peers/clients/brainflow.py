"""BrainFlow as the client of a Cyton: prints what it received as JSON. Runs in the peer's environment.

``brainflow.py PORT SAMPLES``
"""

import json
import sys
import threading

# This file has the name of the package that it uses: its own folder must not be searched.
sys.path.pop(0)

from brainflow.board_shim import BoardIds, BoardShim, BrainFlowInputParams


def main(port: str, samples: int) -> None:
    parameters = BrainFlowInputParams()
    parameters.serial_port = port
    BoardShim.disable_board_logger()
    board = BoardShim(BoardIds.CYTON_BOARD, parameters)
    board.prepare_session()
    setting = board.config_board("x1050100X")
    board.start_stream()
    never = threading.Event()
    while board.get_board_data_count() < samples:
        never.wait(0.01)
    board.stop_stream()
    data = board.get_board_data()
    board.release_session()
    emg = BoardShim.get_exg_channels(BoardIds.CYTON_BOARD)
    found = {
        "rate_hz": BoardShim.get_sampling_rate(BoardIds.CYTON_BOARD),
        "setting": setting,
        "counters": data[BoardShim.get_package_num_channel(BoardIds.CYTON_BOARD)].tolist(),
        "microvolts": data[emg].tolist(),
        "acceleration": data[BoardShim.get_accel_channels(BoardIds.CYTON_BOARD)].tolist(),
    }
    print(json.dumps(found))


main(sys.argv[1], int(sys.argv[2]))
