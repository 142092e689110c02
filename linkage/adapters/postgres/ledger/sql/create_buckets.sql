-- A row without counts for each settled bucket of the period that has none.
INSERT INTO rolled_rates (bucket)
SELECT bucket FROM generate_series(rate_bucket(%(first)s), rate_bucket(%(last)s) - INTERVAL '5 minutes',
                                   INTERVAL '5 minutes') AS period (bucket)
ON CONFLICT DO NOTHING
