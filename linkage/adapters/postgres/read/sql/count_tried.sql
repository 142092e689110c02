-- How many parameter sets were ever tried, on an exchange, on paper or on candles.
SELECT (SELECT count(*) FROM strategy_snapshots)
     + (SELECT count(DISTINCT params_hash) FROM trials t
        WHERE NOT EXISTS (SELECT FROM strategy_snapshots s WHERE s.params_hash = t.params_hash)) AS tried
