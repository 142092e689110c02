"""What was entered under one parameter set and left under the next belongs to both."""

from __future__ import annotations

from alembic import op

revision = "0010"
down_revision = "0009"

# The mark is the latest price that somebody told or traded at in the hour before the exit's set came into
# force. Without one, and for sets that were in force together, the lot stays with the set of its entry.
SPLITS = """
CREATE VIEW split_lots AS
SELECT a.allocation_id, a.episode_id, a.book, a.symbol, a.side, a.quote_currency, a.opened_at, a.closed_at,
       i.snapshot_id AS entry_snapshot_id, o.snapshot_id, o.label, o.params_hash, o.strategy, o.arm,
       began.activated_at AS split_at, mark.price AS mark_price, mark.at AS marked_at,
       mark.source AS mark_source, mark.price * a.quantity AS value_at_split,
       before.pnl AS pnl_before, a.net_pnl - before.pnl AS pnl_after
FROM fifo_allocations a
JOIN lot_books b USING (book)
JOIN lot_decisions i ON i.order_id = a.entry_order_id
JOIN lot_decisions o ON o.order_id = a.exit_order_id AND o.method <> 'parent'
  AND o.snapshot_id <> i.snapshot_id
JOIN LATERAL (
  SELECT activated_at FROM strategy_activations
  WHERE strategy = o.strategy AND arm = coalesce(o.arm, 'main') AND snapshot_id = o.snapshot_id
    AND activated_at < a.closed_at
  ORDER BY activated_at DESC LIMIT 1
) began ON began.activated_at > a.opened_at
JOIN LATERAL (
  SELECT price, at, source FROM (
    (SELECT price, minute AS at, source FROM conversion_rates
     WHERE base_currency = b.base_currency AND quote_currency = b.quote_currency
       AND minute > began.activated_at - INTERVAL '1 hour' AND minute <= began.activated_at
     ORDER BY minute DESC, source LIMIT 1)
    UNION ALL
    (SELECT price, signalled_at, 'signal' FROM strategy_signals
     WHERE symbol = a.symbol AND price > 0
       AND signalled_at > began.activated_at - INTERVAL '1 hour' AND signalled_at <= began.activated_at
     ORDER BY signalled_at DESC, client_order_id LIMIT 1)
    UNION ALL
    (SELECT average_price, order_time, 'last trade' FROM trade_records
     WHERE symbol = a.symbol AND average_price > 0 AND status IN ('filled', 'done')
       AND order_time > began.activated_at - INTERVAL '1 hour' AND order_time <= began.activated_at
     ORDER BY order_time DESC, order_id LIMIT 1)
  ) known ORDER BY at DESC, source LIMIT 1
) mark ON true
CROSS JOIN LATERAL (
  SELECT CASE a.side WHEN 'long' THEN 1 ELSE -1 END * (mark.price * a.quantity - a.entry_value) - a.entry_fee
         AS pnl
) before
WHERE a.kind = 'matched' AND NOT a.missing && ARRAY['price', 'contract_size'];

GRANT SELECT ON split_lots TO recorder, reader, sql_reader;
"""


def upgrade() -> None:
    """Create the view."""
    op.get_bind().exec_driver_sql(SPLITS)
