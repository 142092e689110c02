-- How many events of the quarantine have which reason, with the age of the oldest that waits.
SELECT source, reason, field, count(*) AS events,
       extract(epoch FROM now() - min(quarantined_at) FILTER (WHERE resolved_at IS NULL))::bigint
         AS oldest_seconds
FROM quarantine_summary
WHERE resolved_at IS NULL OR %(resolved)s
GROUP BY source, reason, field
ORDER BY events DESC, source, reason, field
