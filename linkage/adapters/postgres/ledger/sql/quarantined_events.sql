-- Unresolved events of the quarantine by ascending id: one, or those after an id.
SELECT quarantine_id, source, body, message_id, reason FROM quarantine
WHERE resolved_at IS NULL AND quarantine_id > %(after)s
  AND (%(id)s::bigint IS NULL OR quarantine_id = %(id)s)
ORDER BY quarantine_id
LIMIT %(limit)s
