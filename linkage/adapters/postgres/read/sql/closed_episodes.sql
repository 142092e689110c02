-- The episodes that were closed in a window.
SELECT * FROM observed_episodes
WHERE closed_at >= %(start)s AND closed_at < %(end)s
ORDER BY closed_at, episode_id LIMIT %(limit)s
