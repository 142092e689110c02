-- A batch's registrations of bots, as one JSON array, and which of the bots come to an account: one whose
-- token or mode changes is where it was.
WITH incoming AS MATERIALIZED (
  SELECT * FROM json_to_recordset(%(facts)s::json) AS fact (
    bot_id text, updated_at timestamptz, source text, venue text, account text, mode text,
    expects_signals text, client_id_pattern text, book text, linked_since timestamptz, time_zone text,
    removed boolean
  )
), new_bots AS (
  INSERT INTO bots (bot_id, updated_at, source, venue, account, mode, expects_signals, client_id_pattern,
                    book, linked_since, time_zone, removed)
  SELECT bot_id, updated_at, source, venue, account, coalesce(mode, 'live'), coalesce(expects_signals, 'yes'),
         client_id_pattern, book, linked_since, time_zone, coalesce(removed, false)
  FROM incoming ORDER BY bot_id, updated_at
  ON CONFLICT DO NOTHING
  RETURNING bot_id
)
SELECT (SELECT count(*) FROM new_bots) AS new_facts,
       (SELECT array_agg(DISTINCT bot_id) FROM incoming
        WHERE NOT EXISTS (SELECT FROM bots b
                          WHERE b.bot_id = incoming.bot_id AND b.updated_at < incoming.updated_at
                            AND b.venue = incoming.venue AND b.account = incoming.account)) AS bot_ids
