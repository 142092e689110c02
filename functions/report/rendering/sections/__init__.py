"""The sections of the report in the order of the mail.

A section is a row here, a module that builds what it shows, and its two templates beside the module. Its
limits stand in its module; the frame around the sections is ``report.html.j2`` and ``report.txt.j2``.
"""

from __future__ import annotations

from typing import Any

from functions.report.rendering.section import Section
from functions.report.rendering.sections import (
    bots,
    changes,
    comparisons,
    dispositions,
    execution,
    last_activity,
    late_fills,
    linkage_rates,
    linked_orders,
    parameter_sets,
    resolved_warnings,
    result_tables,
    results,
    unlinked_orders,
    what_to_do,
)

SECTIONS: tuple[Section[Any], ...] = (
    what_to_do.SECTION,
    resolved_warnings.SECTION,
    linkage_rates.SECTION,
    unlinked_orders.WITH_DEFECTS,
    results.SECTION,
    changes.SECTION,
    comparisons.SECTION,
    linked_orders.SECTION,
    unlinked_orders.WITHOUT_DEFECTS,
    late_fills.SECTION,
    result_tables.SECTION,
    execution.SECTION,
    parameter_sets.SECTION,
    bots.SECTION,
    dispositions.SECTION,
    last_activity.SECTION,
)
