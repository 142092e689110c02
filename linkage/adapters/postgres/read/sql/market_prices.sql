-- The first and the last price of symbols in some spells, as far as the ledger knows one: what somebody
-- traded at.
SELECT spell.number, symbols.symbol, earliest.price AS first, latest.price AS last
FROM json_to_recordset(%(spells)s::json) AS spell(number integer, start timestamptz, "end" timestamptz)
CROSS JOIN unnest(%(symbols)s::text[] COLLATE "C") AS symbols(symbol)
JOIN LATERAL (
  SELECT average_price AS price FROM trade_records tr
  WHERE tr.symbol = symbols.symbol AND tr.order_time BETWEEN spell.start AND spell."end"
    AND tr.status IN ('filled', 'done') AND average_price > 0
  ORDER BY order_time, order_id LIMIT 1
) earliest ON true
JOIN LATERAL (
  SELECT average_price AS price FROM trade_records tr
  WHERE tr.symbol = symbols.symbol AND tr.order_time BETWEEN spell.start AND spell."end"
    AND tr.status IN ('filled', 'done') AND average_price > 0
  ORDER BY order_time DESC, order_id LIMIT 1
) latest ON true
