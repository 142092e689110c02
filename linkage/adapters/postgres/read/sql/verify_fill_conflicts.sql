-- Every disagreement about a fill is counted. Returns how many rows there are, and the ids of those that
-- differ.
SELECT count(*) AS rows,
       array_agg(order_id || ' ' || fill_id ORDER BY order_id, fill_id)
         FILTER (WHERE c.versions IS DISTINCT FROM w.versions) AS offenders
FROM fill_conflicts c
FULL JOIN (
  SELECT order_id, fill_id, venue, account, count(*)::integer AS versions FROM fills
  GROUP BY order_id, fill_id, venue, account HAVING count(*) > 1
) w USING (order_id, fill_id, venue, account)
