"""Two hundred seeded sessions with all faults, occlusions and stimulations, come to no harm.

They are dealt out in shards so that a machine with several cores plays several at a time.
"""

from pathlib import Path

import pytest

from gateway.simulation import campaign
from gateway.simulation.campaign import Campaign
from gateway.simulation.tally import Tally
from gateway.simulation.trial import give

SESSIONS, SEED, WHOLE_ONES = 200, 3, 1
SHARDS = 10
CAMPAIGN = Campaign(SESSIONS, SEED, "all", full_length=WHOLE_ONES)


@pytest.mark.parametrize("shard", range(SHARDS))
def test_seeded_sessions_with_all_faults_come_to_no_harm(tmp_path: Path, shard: int) -> None:
    tally = Tally(CAMPAIGN.command)
    tasks = CAMPAIGN.tasks()[shard::SHARDS]
    for task in tasks:
        folder = tmp_path / str(task.number)
        folder.mkdir()
        outcome = give(campaign._warm_bedside(task.protocol), task, folder)
        tally.add(campaign.Played(outcome, 0.0, task.protocol.whole))
    assert tally.passed, tally.text()
    assert tally.sessions == SESSIONS // SHARDS
    assert sum(tally.faults.values()) >= tally.sessions
    assert tally.trips
    assert tally.completed


def test_the_seeds_are_of_all_protocols() -> None:
    given = [task.protocol.prescription for task in CAMPAIGN.tasks()]
    assert given.count("rvos-after-rosprox") == WHOLE_ONES
    assert given.count("nmes-demo") > SESSIONS // 10
    assert min(given.count(f"nmes-{loop}-demo") for loop in ("force", "evoked")) > SESSIONS // 20
    assert given.count("demo") > SESSIONS // 2
