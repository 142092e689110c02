"""Settings of the report functions."""

from __future__ import annotations

from linkage.runtime.settings import DatabaseSettings, Settings


class SendReportSettings(Settings):
    """What the mailing side needs to know.

    Attributes:
        recipients: comma-separated addresses; each gets a mail of its own.
        fills_dlq_url: queue of the fills that nobody could record; its depth is a warning.
        window_hours: length of the period of a report whose schedule names none.
        report_timezone: IANA zone of the times in the mail; the CSV files are in UTC.
    """

    read_ledger_function: str
    table_name: str
    sender: str
    recipients: str
    configuration_set: str
    fills_dlq_url: str
    window_hours: int = 6
    report_timezone: str = "UTC"


class ReadLedgerSettings(DatabaseSettings):
    """What the reading side needs to know: PostgreSQL, nothing else."""


class QueryLedgerSettings(DatabaseSettings):
    """What ``linkage sql`` needs on the far side: PostgreSQL as ``sql_reader``, nothing else."""

    max_rows: int = 10_000
