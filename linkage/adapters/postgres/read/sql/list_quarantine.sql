-- Events of the quarantine without their bodies, newest first.
SELECT quarantine_id, source, reason, field, message_id, quarantined_at, resolved_at, resolution,
       extract(epoch FROM now() - quarantined_at)::bigint AS age_seconds
FROM quarantine_summary
WHERE resolved_at IS NULL OR %(resolved)s
ORDER BY quarantine_id DESC LIMIT %(limit)s
