-- Which of these turns of the switch, by number, are not in the ledger.
SELECT fact.number
FROM json_to_recordset(%(facts)s::json) AS fact (number integer, changed_at timestamptz)
WHERE NOT EXISTS (SELECT FROM switch_intervals s WHERE s.changed_at = fact.changed_at)
