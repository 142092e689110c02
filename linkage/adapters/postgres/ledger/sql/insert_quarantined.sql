-- What a batch had that cannot be understood, as one JSON array.
INSERT INTO quarantine (digest, source, reason, field, body, message_id)
SELECT md5(source || E'\x1f' || body), source, reason, field, body, message_id
FROM json_to_recordset(%(facts)s::json)
  AS event (source text, reason text, field text, body text, message_id text)
ORDER BY 1
ON CONFLICT DO NOTHING
