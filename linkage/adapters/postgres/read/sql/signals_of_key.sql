-- The signals with a key, of any bot, with each meaning.
SELECT * FROM strategy_signals
WHERE client_order_id = ANY (%(ids)s)
ORDER BY signalled_at, bot_id, meaning LIMIT %(limit)s
