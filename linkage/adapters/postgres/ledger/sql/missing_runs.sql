-- Which of these runs, by number, are not in the ledger.
SELECT fact.number
FROM json_to_recordset(%(facts)s::json) AS fact (number integer, run_id uuid)
WHERE NOT EXISTS (SELECT FROM strategy_runs r WHERE r.run_id = fact.run_id)
