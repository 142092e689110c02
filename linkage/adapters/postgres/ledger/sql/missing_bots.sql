-- Which of these registrations of bots, by number, are not in the ledger.
SELECT fact.number
FROM json_to_recordset(%(facts)s::json) AS fact (number integer, bot_id text, updated_at timestamptz)
WHERE NOT EXISTS (SELECT FROM bots b WHERE b.bot_id = fact.bot_id AND b.updated_at = fact.updated_at)
