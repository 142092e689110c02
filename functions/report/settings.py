"""Settings of ``send_report``."""

from __future__ import annotations

from linkage.runtime.settings import Settings


class SendReportSettings(Settings):
    """What mailing a report needs to know.

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
