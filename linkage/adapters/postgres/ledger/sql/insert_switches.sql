-- A batch's turns of the linking switch, as one JSON array.
WITH new_switches AS (
  INSERT INTO switch_intervals (changed_at, enabled, changed_by)
  SELECT changed_at, enabled, changed_by
  FROM json_to_recordset(%(facts)s::json) AS fact (changed_at timestamptz, enabled boolean, changed_by text)
  ORDER BY changed_at
  ON CONFLICT DO NOTHING
  RETURNING 1
)
SELECT count(*) AS new_facts FROM new_switches
