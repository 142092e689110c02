-- One event of the quarantine with its body as it came.
SELECT quarantine_id, source, reason, field, message_id, quarantined_at, resolved_at, resolution,
       extract(epoch FROM now() - quarantined_at)::bigint AS age_seconds, body
FROM quarantine
WHERE quarantine_id = %(id)s
