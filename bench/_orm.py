"""A fill as bots usually record it: one SQLAlchemy session, and one commit, for each."""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import psycopg
import sqlalchemy
from sqlalchemy.orm import Session, registry

from bench._orders import TABLES


class OrmRecorder:
    """Records fills and links them by key, with none of the rules, on the ledger's own tables.

    Args:
        dsn: of the database, as ``recorder``.
    """

    def __init__(self, dsn: str) -> None:
        self._engine = sqlalchemy.create_engine(
            "postgresql+psycopg://", creator=lambda: psycopg.connect(dsn), pool_size=1
        )
        metadata = sqlalchemy.MetaData()
        metadata.reflect(self._engine, only=[*TABLES, "strategy_signals"])
        mapped = registry()
        self._classes: dict[str, Any] = {}
        for table in (*TABLES, "strategy_signals"):
            self._classes[table] = type(table, (), {})
            mapped.map_imperatively(self._classes[table], metadata.tables[table])

    def close(self) -> None:
        """Disconnect."""
        self._engine.dispose()

    def record(self, texts: Sequence[str]) -> None:
        """Record fills, each in a session of its own."""
        for text in texts:
            with Session(self._engine) as session:
                self._record(session, json.loads(text))
                session.commit()

    def _record(self, session: Session, fact: dict[str, Any]) -> None:
        fill, receipt, order, link = (self._classes[table] for table in TABLES)
        signals = self._classes["strategy_signals"]
        wanted = sqlalchemy.select(signals).where(signals.client_order_id == fact["client_order_id"])
        signal = session.scalars(wanted).first()
        identity = {name: fact[name] for name in ("order_id", "fill_id", "venue", "account")}
        known = session.get(fill, {**identity, "economics": 0})
        if known is not None:
            return
        economics = {
            "symbol": fact["symbol"], "side": fact["side"], "price": Decimal(fact["price"]),
            "quantity": Decimal(fact["quantity"]), "fee": Decimal(fact["fee"]),
            "fee_currency": fact["fee_currency"], "executed_at": fact["executed_at"],
        }  # fmt: skip
        order_fields = {
            "ingest_via": fact["ingest_via"], "venue_order_id": fact["venue_order_id"],
            "client_order_id": fact["client_order_id"], "key_is_ours": fact["key_is_ours"],
        }  # fmt: skip
        session.add(_row(fill, economics=0, kind="FILL", quantity_unit="base", **identity, **economics))
        session.add(
            _row(
                receipt,
                receipt=0,
                executed_at=fact["executed_at"],
                raw=fact["raw"],
                **identity,
                **order_fields,
            )
        )
        before = session.get(order, fact["order_id"])
        if before is None:
            zero = {"filled_quantity": Decimal(0), "notional": Decimal(0), "fee": Decimal(0)}
            same = ("order_id", "venue", "account", "symbol", "side", "fee_currency")
            before = _row(
                order, status="filled", quantity_unit="base", average_price=economics["price"],
                order_time=fact["executed_at"], fill_count=0, event_count=0, **zero, **order_fields,
                **{name: fact[name] for name in same},
            )  # fmt: skip
            session.add(before)
        before.filled_quantity += economics["quantity"]
        before.notional += economics["quantity"] * economics["price"]
        before.fee += economics["fee"]
        before.fill_count += 1
        if signal is not None and session.get(link, fact["order_id"]) is None:
            session.flush()
            before.trigger_type = signal.trigger_type
            lent = {name: getattr(signal, name) for name in _LENT}
            session.add(_row(link, order_id=fact["order_id"], method="key", **lent))


_LENT = (
    "bot_id", "client_order_id", "meaning", "snapshot_id", "buy_score", "sell_score", "trigger_type",
    "indicators_fired", "indicator_breakdown", "signalled_at",
)  # fmt: skip


def _row(mapped: Any, **values: object) -> Any:
    row = mapped()
    for name, value in values.items():
        setattr(row, name, value)
    return row
