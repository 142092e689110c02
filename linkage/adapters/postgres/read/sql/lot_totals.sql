-- Of the lots that were closed in a window, by mode and currency: dust, residue, what was realised of
-- positions that are still open, and lots with a fee that could not be converted.
SELECT coalesce(bot.mode, 'unknown') AS mode, a.quote_currency AS currency,
       count(*) FILTER (WHERE a.kind = 'dust') AS dust_lots,
       coalesce(sum(a.net_pnl) FILTER (WHERE a.kind = 'dust'), 0) AS dust_pnl,
       coalesce(sum(a.net_pnl) FILTER (WHERE a.episode_id IS NULL), 0) AS residue_pnl,
       coalesce(sum(a.net_pnl) FILTER (WHERE e.episode_id IS NOT NULL AND e.closed_at IS NULL
                                         AND b.owner <> 'external'), 0) AS realised_open_pnl_in_period,
       count(*) FILTER (WHERE EXISTS (SELECT FROM unnest(a.missing) m WHERE starts_with(m, 'fee')))
         AS fees_incomplete
FROM fifo_allocations a
JOIN lot_books b USING (book)
LEFT JOIN lot_owners bot ON bot.owner = b.owner
LEFT JOIN episodes e ON e.episode_id = a.episode_id
WHERE a.closed_at >= %(start)s AND a.closed_at < %(end)s AND bot.mode IS DISTINCT FROM 'test'
GROUP BY 1, 2
