"""An order as a function of its facts and its link: the one place where it is written down.

``record`` runs it for the orders that a batch touches, ``verify`` for all. It never reads the row that it
makes, so the result cannot depend on the order in which facts arrived.
"""

from __future__ import annotations

from typing import LiteralString

COLUMNS: tuple[LiteralString, ...] = (
    "order_id", "venue", "account", "venue_order_id", "bot_id", "client_order_id", "key_is_ours", "symbol",
    "side", "position_side", "reduce_only", "position_id", "status", "venue_status", "order_type",
    "trigger_type", "origin", "ingest_via", "size", "filled_quantity", "quantity_unit", "average_price",
    "notional", "fee", "fee_currency", "fees", "order_time", "placed_at", "ended_at", "parent_order_id",
    "replaces_order_id", "fill_count", "event_count",
)  # fmt: skip
"""The derived columns of ``trade_records``, in the order in which ``derived`` yields them."""

# Statuses are collected as bits: filled 1, done 2, rejected 4, expired 8, cancelled 16, open 32.
_BITS: LiteralString = (
    "bit_or(CASE status WHEN 'filled' THEN 1 WHEN 'done' THEN 2 WHEN 'rejected' THEN 4"
    " WHEN 'expired' THEN 8 WHEN 'cancelled' THEN 16 WHEN 'open' THEN 32 ELSE 0 END)"
)
_CHANNEL: LiteralString = (
    "min(CASE ingest_via WHEN 'stream' THEN 1 WHEN 'webhook' THEN 2 WHEN 'poll' THEN 3 ELSE 4 END)"
)
_ORIGIN: LiteralString = "min(origin) FILTER (WHERE lower(origin) <> 'unknown')"

_DERIVED: LiteralString = (
    """
counted AS {materialized} (
  SELECT * FROM counted_fills WHERE {within}
), received AS {materialized} (
  SELECT order_id, venue_order_id, bot_id, client_order_id, key_is_ours, parent_order_id, replaces_order_id,
         position_side, reduce_only, position_id, origin, ingest_via, executed_at
  FROM fill_receipts WHERE {within}
), told AS {materialized} (
  SELECT order_id, venue_order_id, bot_id, venue, account, client_order_id, key_is_ours, symbol, side,
         position_side, reduce_only, position_id, parent_order_id, replaces_order_id, origin, ingest_via,
         status, venue_status, order_type, trigger, size, created_at, updated_at
  FROM order_events WHERE {within}
), measured AS (
  -- value is in the quote currency (for contracts: price times contracts), amount in the base currency or
  -- in contracts. A quantity given in quote units is turned round by its price.
  SELECT order_id, min(venue) AS venue, min(account) AS account, min(symbol) AS symbol, min(side) AS side,
         min(executed_at) AS first_at, max(executed_at) AS last_at,
         min(executed_at) FILTER (WHERE status <> 'open') AS ended_at,
         count(*) FILTER (WHERE kind NOT IN ('REVERSAL', 'CUMULATIVE')) AS fill_count,
         min(quantity_unit) AS least_unit, max(quantity_unit) AS greatest_unit,
         coalesce(sum(value) FILTER (WHERE kind NOT IN ('REVERSAL', 'CUMULATIVE')), 0) AS value,
         coalesce(sum(amount) FILTER (WHERE kind NOT IN ('REVERSAL', 'CUMULATIVE')), 0) AS amount,
         coalesce(sum(value) FILTER (WHERE kind = 'REVERSAL'), 0) AS value_back,
         coalesce(sum(amount) FILTER (WHERE kind = 'REVERSAL'), 0) AS amount_back,
         sum(CASE kind WHEN 'REVERSAL' THEN -fee ELSE fee END) FILTER (WHERE kind <> 'CUMULATIVE') AS fee,
         sum(fee) FILTER (WHERE kind = 'REVERSAL') AS fee_back,
         min(fee_currency) FILTER (WHERE kind <> 'CUMULATIVE' AND fee IS NOT NULL) AS least_currency,
         max(fee_currency) FILTER (WHERE kind <> 'CUMULATIVE' AND fee IS NOT NULL) AS greatest_currency,
         bool_or(kind = 'CUMULATIVE') AS has_cumulative,
         """
    + _BITS
    + """ AS bits
  FROM (
    SELECT counted.*,
           CASE quantity_unit WHEN 'quote' THEN quantity ELSE quantity * price END AS value,
           CASE quantity_unit WHEN 'quote' THEN quantity / nullif(price, 0) ELSE quantity END AS amount
    FROM counted
  ) valued
  GROUP BY order_id
), heard AS (
  SELECT order_id, min(venue_order_id) AS venue_order_id, min(bot_id) AS bot_id,
         min(position_side) AS position_side, bool_or(reduce_only) AS reduce_only,
         min(position_id) AS position_id, min(parent_order_id) AS parent_order_id,
         min(replaces_order_id) AS replaces_order_id, """
    + _ORIGIN
    + """ AS origin,
         """
    + _CHANNEL
    + """ AS channel
  FROM received
  GROUP BY order_id
), said AS (
  SELECT order_id, min(venue_order_id) AS venue_order_id, min(bot_id) AS bot_id, min(venue) AS venue,
         min(account) AS account, min(symbol) AS symbol, min(side) AS side,
         min(position_side) AS position_side, bool_or(reduce_only) AS reduce_only,
         min(position_id) AS position_id, min(parent_order_id) AS parent_order_id,
         min(replaces_order_id) AS replaces_order_id, min(order_type) AS order_type,
         min(trigger) AS trigger, """
    + _ORIGIN
    + """ AS origin,
         """
    + _CHANNEL
    + """ AS channel,
         min(created_at) AS placed_at, min(least(created_at, updated_at)) AS first_at,
         min(coalesce(updated_at, created_at)) FILTER (WHERE status <> 'open') AS ended_at,
         (array_agg(size ORDER BY coalesce(updated_at, created_at) DESC NULLS LAST, size DESC)
            FILTER (WHERE size IS NOT NULL))[1] AS size,
         (array_agg(venue_status ORDER BY coalesce(updated_at, created_at) DESC NULLS LAST, venue_status)
            FILTER (WHERE venue_status IS NOT NULL))[1] AS venue_status,
         count(*) AS event_count,
         """
    + _BITS
    + """ AS bits
  FROM told
  GROUP BY order_id
), named AS (
  -- The least key: ours first, then the earliest, then by text.
  SELECT DISTINCT ON (order_id) order_id, client_order_id, key_is_ours
  FROM (
    SELECT order_id, client_order_id, key_is_ours, executed_at AS at
    FROM received WHERE client_order_id IS NOT NULL
    UNION ALL
    SELECT order_id, client_order_id, key_is_ours, coalesce(updated_at, created_at)
    FROM told WHERE client_order_id IS NOT NULL
  ) keys
  ORDER BY order_id, key_is_ours DESC, at NULLS LAST, client_order_id
), cumulated AS (
  -- The furthest that the venue says the order had got.
  SELECT DISTINCT ON (order_id) order_id, average_price, total_fees, fee_currency,
         CASE quantity_unit WHEN 'quote' THEN cumulative_quantity
              ELSE cumulative_quantity * average_price END AS value,
         CASE quantity_unit WHEN 'quote' THEN cumulative_quantity / nullif(average_price, 0)
              ELSE cumulative_quantity END AS amount
  FROM counted
  WHERE kind = 'CUMULATIVE'
  ORDER BY order_id, cumulative_quantity DESC, executed_at DESC, total_fees DESC NULLS LAST,
           average_price DESC NULLS LAST, status NULLS LAST, economics
), joined AS (
  SELECT order_id, m.first_at AS filled_from, m.last_at AS filled_until, m.fill_count,
         coalesce(m.least_unit, 'base') AS least_unit, coalesce(m.greatest_unit, 'base') AS greatest_unit,
         m.amount_back, m.value_back, m.fee_back, m.least_currency, m.greatest_currency,
         c.order_id IS NOT NULL AND CASE WHEN m.least_unit = 'quote' THEN c.value > m.value
                                         ELSE c.amount > m.amount END AS ahead,
         m.amount, m.value, m.fee,
         c.amount AS c_amount, c.value AS c_value, c.total_fees AS c_fees, c.fee_currency AS c_currency,
         coalesce(m.bits, 0) | coalesce(s.bits, 0) AS bits,
         s.order_id IS NOT NULL AS has_events, coalesce(s.event_count, 0) AS event_count,
         least(m.venue, s.venue) AS venue, least(m.account, s.account) AS account,
         least(m.symbol, s.symbol) AS symbol, least(m.side, s.side) AS side,
         least(h.venue_order_id, s.venue_order_id) AS venue_order_id, least(h.bot_id, s.bot_id) AS bot_id,
         least(h.position_side, s.position_side) AS position_side,
         coalesce(h.reduce_only OR s.reduce_only, h.reduce_only, s.reduce_only) AS reduce_only,
         least(h.position_id, s.position_id) AS position_id,
         least(h.parent_order_id, s.parent_order_id) AS parent_order_id,
         least(h.replaces_order_id, s.replaces_order_id) AS replaces_order_id,
         s.order_type, s.venue_status, s.size, s.placed_at, s.first_at AS said_from,
         least(s.ended_at, m.ended_at) AS ended_at, least(h.channel, s.channel) AS channel,
         n.client_order_id, coalesce(n.key_is_ours, false) AS key_is_ours,
         CASE WHEN l.method <> 'parent' THEN coalesce(l.trigger_type, s.trigger) ELSE s.trigger END
           AS trigger_type,
         coalesce(CASE WHEN l.method <> 'parent' AND lower(l.origin) <> 'unknown' THEN l.origin END,
                  s.origin, h.origin) AS origin
  FROM measured m
  FULL JOIN said s USING (order_id)
  LEFT JOIN heard h USING (order_id)
  LEFT JOIN named n USING (order_id)
  LEFT JOIN cumulated c USING (order_id)
  LEFT JOIN {linked} l USING (order_id)
  -- A fence: what is named often below is computed once.
  OFFSET 0
), summed AS (
  SELECT joined.*,
         CASE WHEN least_unit = greatest_unit THEN least_unit ELSE 'base' END AS quantity_unit,
         coalesce(CASE WHEN ahead THEN c_amount ELSE amount END - amount_back, 0) AS net_amount,
         CASE WHEN ahead THEN c_value ELSE value END - value_back AS net_value,
         CASE WHEN ahead THEN c_fees - coalesce(fee_back, 0) ELSE fee END AS net_fee,
         CASE WHEN ahead THEN coalesce(c_currency, least_currency) ELSE least_currency END AS currency,
         NOT ahead AND least_currency <> greatest_currency AS mixed
  FROM joined
  OFFSET 0
), derived AS (
  SELECT order_id, venue, account, venue_order_id, bot_id, client_order_id, key_is_ours, symbol, side,
         position_side, reduce_only, position_id,
         CASE WHEN lower(origin) = 'test' THEN 'test'
              WHEN bits & 1 <> 0 OR (quantity_unit <> 'quote' AND size > 0 AND net_amount >= size)
                THEN 'filled'
              WHEN bits & 2 <> 0 OR (bits & 28 <> 0 AND net_amount > 0) THEN 'done'
              WHEN bits & 4 <> 0 THEN 'rejected'
              WHEN bits & 8 <> 0 THEN 'expired'
              WHEN bits & 16 <> 0 THEN 'cancelled'
              WHEN bits = 0 AND net_amount > 0 THEN 'filled'
              ELSE 'open' END AS status,
         venue_status, order_type, trigger_type, origin,
         CASE channel WHEN 1 THEN 'stream' WHEN 2 THEN 'webhook' WHEN 3 THEN 'poll' ELSE 'import' END
           AS ingest_via,
         size,
         trim_scale(CASE quantity_unit WHEN 'quote' THEN coalesce(net_value, 0) ELSE net_amount END)
           AS filled_quantity,
         quantity_unit,
         trim_scale(round(round(net_value, 24) / nullif(net_amount, 0), 18)) AS average_price,
         CASE WHEN greatest_unit <> 'contracts' AND least_unit <> 'contracts' THEN trim_scale(net_value) END
           AS notional,
         CASE WHEN NOT coalesce(mixed, false) THEN trim_scale(net_fee) END AS fee,
         CASE WHEN NOT coalesce(mixed, false) THEN currency END AS fee_currency,
         CASE WHEN mixed THEN (
           SELECT jsonb_object_agg(currency, fee) FROM (
             SELECT coalesce(fee_currency, '') AS currency,
                    trim_scale(sum(CASE kind WHEN 'REVERSAL' THEN -fee ELSE fee END)) AS fee
             FROM counted_fills
             WHERE counted_fills.order_id = summed.order_id AND kind <> 'CUMULATIVE' AND fee IS NOT NULL
             GROUP BY 1
           ) by_currency
         ) END AS fees,
         coalesce(filled_from, said_from) AS order_time,
         placed_at,
         CASE WHEN bits & 31 <> 0 THEN coalesce(ended_at, filled_until)
              WHEN net_amount > 0 AND (bits = 0 OR (quantity_unit <> 'quote' AND net_amount >= size))
                THEN filled_until END AS ended_at,
         parent_order_id, replaces_order_id, coalesce(fill_count, 0)::integer AS fill_count,
         event_count::integer AS event_count
  FROM summed
)"""
)

SCOPE: LiteralString = (
    "scope AS MATERIALIZED (SELECT current_setting('linkage.scope')::text[] COLLATE \"C\" AS ids)"
)
"""The orders that a transaction works on travel from statement to statement in a setting of that
transaction, so that a whole step fits into one round trip."""


def derived(*, everything: bool = False, unlinked: bool = False) -> LiteralString:
    """Return the common table expressions up to ``derived``.

    Args:
        everything: for all orders; else for those in the expression ``scope``, which has to come before.
        unlinked: these orders have no link yet, so that none is looked for.
    """
    within: LiteralString = "true" if everything else "order_id = ANY ((SELECT ids FROM scope)::text[])"
    linked: LiteralString = "trade_strategy_link"
    if not everything:
        linked = f"(SELECT * FROM trade_strategy_link WHERE {'false' if unlinked else within})"
    # A batch's facts are read once; all facts are too many to be kept aside.
    materialized: LiteralString = "NOT MATERIALIZED" if everything else "MATERIALIZED"
    return (
        _DERIVED.replace("{within}", within)
        .replace("{linked}", linked)
        .replace("{materialized}", materialized)
    )


def forgotten(written: LiteralString) -> LiteralString:
    """Return the expression that forgets the rates counted of written orders and of those that name them.

    Args:
        written: an expression with their ``order_id`` and ``order_time``.
    """
    return f"""forgotten AS (
  DELETE FROM rolled_rates WHERE bucket = ANY (array(
    SELECT rate_bucket(order_time) FROM {written}
    UNION SELECT rate_bucket(order_time) FROM trade_records
    WHERE parent_order_id = ANY (array(SELECT order_id FROM {written}))
    UNION SELECT rate_bucket(order_time) FROM trade_records
    WHERE replaces_order_id = ANY (array(SELECT order_id FROM {written}))
  ))
)
"""


_LIST: LiteralString = ", ".join(COLUMNS)
_REST: LiteralString = ", ".join(COLUMNS[1:])

INSERT_NEW: LiteralString = (
    """
WITH scope AS MATERIALIZED (
  SELECT array(
    SELECT id FROM unnest(current_setting('linkage.scope')::text[]) AS ids(id)
    WHERE id COLLATE "C" NOT IN (
      SELECT order_id FROM trade_records
      WHERE order_id = ANY (current_setting('linkage.scope')::text[] COLLATE "C")
    )
  ) AS ids
), """
    + derived(unlinked=True)
    + f""", fresh AS (
  INSERT INTO trade_records ({_LIST})
  SELECT {_LIST} FROM derived ORDER BY order_id
  ON CONFLICT (order_id) DO NOTHING
  RETURNING order_id, order_time
), """
    + forgotten("fresh")
    + """
SELECT set_config('linkage.scope', array(
  SELECT id FROM unnest(current_setting('linkage.scope')::text[]) AS ids(id)
  WHERE id COLLATE "C" NOT IN (SELECT order_id FROM fresh)
)::text, true)
"""
)
"""Insert orders that have no row. Whoever inserts a row has seen all committed facts of that order, since
each transaction with such a fact inserts or locks the row; rows of others remain in the scope."""

LOCK: LiteralString = (
    "WITH "
    + SCOPE
    + """
SELECT count(*) FROM (
  SELECT FROM trade_records WHERE order_id = ANY ((SELECT ids FROM scope)::text[])
  ORDER BY order_id FOR NO KEY UPDATE
) locked
"""
)
"""Lock the orders that are left, in key order, so that the next statement sees the facts of whoever held
them before."""

UPDATE: LiteralString = (
    "WITH "
    + SCOPE
    + ", "
    + derived()
    + f""", changed AS (
  UPDATE trade_records t
  SET ({_REST}, updated_at) = ROW ({", ".join("d." + name for name in COLUMNS[1:])}, clock_timestamp())
  FROM derived d
  WHERE t.order_id = d.order_id
    AND ({", ".join("t." + name for name in COLUMNS[1:])})
        IS DISTINCT FROM ({", ".join("d." + name for name in COLUMNS[1:])})
  RETURNING t.order_id, t.order_time
), """
    + forgotten("changed")
    + "SELECT count(*) FROM changed"
)
"""Bring the locked orders up to date, where anything differs."""
