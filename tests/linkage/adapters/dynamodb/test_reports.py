from __future__ import annotations

from datetime import UTC, datetime, timedelta

from linkage.adapters.dynamodb.reports import DynamoReportClaims
from linkage.contracts import items
from linkage.ports.mail import ReportPeriod
from tests.support.dynamodb import SignalsTable

NOW = datetime(2026, 11, 22, 18, 0, tzinfo=UTC)
PERIOD = ReportPeriod("linkage", NOW - timedelta(hours=6), NOW)


def test_a_claim_is_made_once(signals_table: SignalsTable) -> None:
    claims = DynamoReportClaims(signals_table.name, signals_table.client)
    assert claims.claim(PERIOD, "ada@example.com", at=NOW)
    assert not claims.claim(PERIOD, " Ada@Example.com ", at=NOW)
    assert claims.claim(PERIOD, "bob@example.com", at=NOW)


def test_a_released_claim_can_be_made_again(signals_table: SignalsTable) -> None:
    claims = DynamoReportClaims(signals_table.name, signals_table.client)
    claims.claim(PERIOD, "ada@example.com", at=NOW)
    claims.release(PERIOD, "ada@example.com")
    assert claims.claim(PERIOD, "ada@example.com", at=NOW)


def test_the_table_keeps_no_address_and_archives_no_claim(signals_table: SignalsTable) -> None:
    DynamoReportClaims(signals_table.name, signals_table.client).claim(PERIOD, "ada@example.com", at=NOW)
    assert "ada@" not in str(signals_table.items())
    assert signals_table.stream_event() == {"Records": []}


def test_an_expired_claim_counts_as_gone_present_or_not(signals_table: SignalsTable) -> None:
    claims = DynamoReportClaims(signals_table.name, signals_table.client)
    claims.claim(PERIOD, "ada@example.com", at=NOW)
    later = NOW + timedelta(days=items.REPORT_TTL_DAYS)
    assert claims.claim(PERIOD, "ada@example.com", at=later)
