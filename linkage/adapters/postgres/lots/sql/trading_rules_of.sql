-- What venues let one trade of some symbols, by the latest report of each.
SELECT DISTINCT ON (r.venue, r.symbol) r.venue, r.symbol, r.quantity_step, r.minimum_notional
FROM trading_rules r
JOIN json_to_recordset(%(markets)s::json) AS m(venue text, symbol text)
  ON r.venue = m.venue COLLATE "C" AND r.symbol = m.symbol COLLATE "C"
ORDER BY r.venue, r.symbol, r.reported_at DESC
