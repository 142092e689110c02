-- Episodes: closed, still open, and how many of the closed ones earned or lost money.
SELECT count(*) FILTER (WHERE closed_at IS NOT NULL) AS closed,
       count(*) FILTER (WHERE closed_at IS NULL) AS still_open,
       count(*) FILTER (WHERE closed_at IS NOT NULL AND net_pnl > 0) AS won,
       count(*) FILTER (WHERE closed_at IS NOT NULL AND net_pnl < 0) AS lost
FROM episode_results
