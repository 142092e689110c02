-- The episodes that are open, with what they would come to at mark; what was realised already belongs to
-- that. What somebody holds by hand is not open business of a bot. A function of open lots and their
-- marks.
WITH lots AS MATERIALIZED (
  SELECT episode_id, CASE WHEN bool_and(open_pnl IS NOT NULL) THEN sum(open_pnl) END AS pnl, count(*) AS lots
  FROM open_lots GROUP BY episode_id
)
SELECT e.*, lots.lots, coalesce(e.net_pnl, 0) AS realised_pnl, lots.pnl + e.net_pnl AS open_pnl
FROM lots JOIN observed_episodes e USING (episode_id)
WHERE e.closed_at IS NULL AND e.bot_id <> 'external'
ORDER BY e.opened_at, e.episode_id
