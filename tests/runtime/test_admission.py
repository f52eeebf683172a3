"""How much one user gets of core's socket and of its record, in plain numbers."""

from gateway.runtime.admission import (
    CONNECTION_EVERY_MS,
    CONNECTIONS_BURST,
    OTHERS,
    ROWS_OF_OPERATORS,
    ROWS_OF_OTHERS,
    AuditRows,
    Connections,
)

NOW = 1_000_000
MINUTE_MS = 60_000
PERSON, NEIGHBOUR = 1000, 1001


class TestConnections:
    def test_a_burst_and_then_a_steady_rate(self) -> None:
        connections = Connections()
        assert sum(connections.admits(PERSON, NOW) for _ in range(500)) == CONNECTIONS_BURST
        later = NOW + 50 * CONNECTION_EVERY_MS
        assert sum(connections.admits(PERSON, later) for _ in range(500)) == 50

    def test_nobody_pays_for_his_neighbour(self) -> None:
        connections = Connections()
        while connections.admits(PERSON, NOW):
            pass
        assert connections.admits(NEIGHBOUR, NOW)

    def test_a_rest_gives_the_burst_back_and_no_more(self) -> None:
        connections = Connections()
        while connections.admits(PERSON, NOW):
            pass
        assert sum(connections.admits(PERSON, NOW + 10**9) for _ in range(500)) == CONNECTIONS_BURST

    def test_many_users_share_one_account_until_somebody_rests(self) -> None:
        connections = Connections()
        admitted = sum(connections.admits(user, NOW) for user in range(10_000) for _ in range(3))
        assert admitted == 16 * 3 + CONNECTIONS_BURST
        assert len(connections._paid_ms) == 17
        assert connections.admits(20_000, NOW + 3 * CONNECTION_EVERY_MS), "the first sixteen have rested"


class TestAuditRows:
    def test_who_may_only_stop_gets_few_rows_a_minute(self) -> None:
        rows = AuditRows()
        assert sum(rows.admits(PERSON, False, NOW) for _ in range(1_000)) == ROWS_OF_OTHERS
        assert rows.ended(NOW + MINUTE_MS - 1) == []
        assert rows.ended(NOW + MINUTE_MS) == [(PERSON, 1_000 - ROWS_OF_OTHERS)]
        assert rows.ended(NOW + MINUTE_MS) == []
        assert rows.admits(PERSON, False, NOW + MINUTE_MS)

    def test_an_operator_gets_more(self) -> None:
        rows = AuditRows()
        assert sum(rows.admits(PERSON, True, NOW) for _ in range(1_000)) == ROWS_OF_OPERATORS

    def test_whoever_stays_below_leaves_no_count(self) -> None:
        rows = AuditRows()
        rows.admits(PERSON, False, NOW)
        assert rows.ended(NOW + MINUTE_MS) == []

    def test_many_users_at_once_are_counted_together(self) -> None:
        rows = AuditRows()
        admitted = sum(rows.admits(user, False, NOW) for user in range(5_000))
        assert admitted == 16 + ROWS_OF_OTHERS
        assert rows.ended(NOW + MINUTE_MS) == [(OTHERS, 5_000 - admitted)]
