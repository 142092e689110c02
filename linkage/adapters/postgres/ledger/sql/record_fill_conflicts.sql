-- How many versions each fill of the locked orders has, where it has several. For orders that were there
-- before, which are locked by now, and those that got several fills at once. Of two recorders with two
-- versions of one fill the later one sees both.
WITH scope AS MATERIALIZED (
  SELECT (current_setting('linkage.scope')::text[] || current_setting('linkage.doubled')::text[])
         COLLATE "C" AS ids
)
INSERT INTO fill_conflicts (order_id, fill_id, venue, account, versions)
SELECT order_id, fill_id, venue, account, count(*) FROM fills
WHERE order_id = ANY ((SELECT ids FROM scope)::text[])
GROUP BY order_id, fill_id, venue, account HAVING count(*) > 1
ORDER BY order_id, fill_id, venue, account
ON CONFLICT (order_id, fill_id, venue, account) DO UPDATE SET versions = excluded.versions
WHERE fill_conflicts.versions <> excluded.versions
