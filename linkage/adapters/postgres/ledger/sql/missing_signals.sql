-- Which of these signals, by number, are not in the ledger.
SELECT fact.number
FROM json_to_recordset(%(facts)s::json)
  AS fact (number integer, bot_id text, client_order_id text, meaning text)
WHERE NOT EXISTS (SELECT FROM strategy_signals s WHERE s.client_order_id = fact.client_order_id
                  AND s.bot_id = fact.bot_id AND s.meaning = fact.meaning)
