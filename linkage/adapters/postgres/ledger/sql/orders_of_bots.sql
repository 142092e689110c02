-- The orders on its accounts whose keys a bot has used for signals.
SELECT t.order_id
FROM bots b
JOIN strategy_signals s ON s.bot_id = b.bot_id AND NOT s.key_is_ours
JOIN trade_records t ON t.client_order_id = s.client_order_id AND t.venue = b.venue AND t.account = b.account
WHERE b.bot_id = ANY (%(bots)s)
