-- The start of the oldest transaction that is still running: what is stamped later may have neighbours that
-- nobody sees yet. A function of the server's sessions.
SELECT least(clock_timestamp(), min(xact_start)) AS started_at
FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
