"""Pictures of the report: the P&L curve of a period and the fall from its peak, as PNG."""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Sequence
from datetime import datetime, timedelta, tzinfo
from itertools import accumulate
from pathlib import Path
from typing import Any

from linkage.contracts.performance import CurvePoint

WIDTH, HEIGHT = 1280, 840
"""Pixels; shown at half the width, so that a dense screen has something to show."""
_DPI = 200
_POWERS_FROM = 1e15
"""An amount from which the axis says powers of ten."""
_INK, _GRID, _LINE, _FALL, _PAPER = "#2b3742", "#dde3e9", "#2f6fde", "#c0271c", "#fbfcfd"
_STYLE: dict[Any, object] = {
    "font.family": "DejaVu Sans",  # comes with the library: the same letters on every machine
    "font.size": 14,
    "axes.edgecolor": "#8b98a5",
    "axes.labelcolor": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "text.color": _INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.unicode_minus": True,
}


def pnl_chart(curve: Sequence[CurvePoint], *, until: datetime, currency: str, zone: tzinfo) -> bytes:
    """Return the curve of the cumulative net P&L, and below it its fall from the peak so far, as PNG.

    The same curve gives the same bytes.

    Args:
        curve: at least two points, in order of time.
        until: end of the period; the last value holds until then.
        currency: unit of both axes.
        zone: of the times on the axis, whose label names it.
    """
    # Only /tmp can be written to in Lambda, and the library keeps its list of fonts in a file.
    os.environ.setdefault("MPLCONFIGDIR", str(Path(tempfile.gettempdir()) / "matplotlib"))
    # The library takes seconds to load, and most reports of a quiet account have no picture.
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    times: list[Any] = [*(point.at for point in curve), max(until, curve[-1].at)]
    values = [float(point.net_pnl) for point in [*curve, curve[-1]]]
    falls = [value - peak for value, peak in zip(values, accumulate(values, max), strict=True)]
    largest = max(abs(value) for value in [*values, *falls])
    unit = "".join(character for character in currency if character.isascii() and character.isprintable())
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(WIDTH / _DPI, HEIGHT / _DPI), dpi=_DPI, facecolor=_PAPER)
        FigureCanvasAgg(figure)
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(2, 1))
        for axes in (upper, lower):
            axes.set_facecolor(_PAPER)
            axes.grid(axis="y", color=_GRID, linewidth=0.8)
            axes.set_axisbelow(True)
            axes.locator_params(axis="y", nbins=4)
            # An amount and no power of ten: the label beside it says its unit. Sixty digits have no room.
            axes.ticklabel_format(
                axis="y", style="plain" if largest < _POWERS_FROM else "sci", useOffset=False
            )
        # P&L moves when an episode closes, and not in between.
        upper.step(times, values, where="post", color=_LINE, linewidth=2)
        upper.axhline(0, color="#8b98a5", linewidth=0.9)
        # A currency is a stranger's text: a dollar sign in it must not begin a formula.
        upper.set_ylabel(f"Net P&L\n({unit[:12] or '?'})", parse_math=False)
        lower.fill_between(times, falls, 0, step="post", color=_FALL, alpha=0.3, linewidth=0)
        lower.step(times, falls, where="post", color=_FALL, linewidth=1.4)
        lower.set_ylabel(f"Drawdown\n({unit[:12] or '?'})", parse_math=False)
        lower.set_xlim(times[0], times[-1])
        _name_times(lower, times, zone)
        figure.align_ylabels([upper, lower])
        figure.tight_layout(pad=0.6)
        buffer = io.BytesIO()
        # Without the library's name the bytes change only with the picture.
        figure.savefig(buffer, format="png", facecolor=_PAPER, metadata={"Software": None})
    return buffer.getvalue()


def _name_times(axes: Any, times: Sequence[Any], zone: tzinfo) -> None:
    from matplotlib.dates import AutoDateLocator, DateFormatter

    short = times[-1] - times[0] <= timedelta(days=2)
    name = times[-1].astimezone(zone).tzname() or "UTC"
    axes.xaxis.set_major_locator(AutoDateLocator(tz=zone, minticks=3, maxticks=6))  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_formatter(DateFormatter("%H:%M" if short else "%d %b", tz=zone))  # type: ignore[no-untyped-call]
    axes.set_xlabel(f"Time ({name})" if short else f"Day ({name})", parse_math=False)
