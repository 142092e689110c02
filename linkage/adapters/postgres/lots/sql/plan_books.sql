-- What each affected book has to be matched from: after its last execution where all that came is later, else
-- after the last moment before it at which the book was flat; with the orders that the rows after that name.
-- A function of the books' rows.
WITH affected AS MATERIALIZED (
  SELECT *
  FROM json_to_recordset(%(affected)s::json) AS a(book text, earliest_at timestamptz, order_ids text[])
), planned AS MATERIALIZED (
  SELECT a.book COLLATE "C" AS book, a.order_ids, b.average_cash,
         coalesce(a.earliest_at > b.last_executed_at, false) AS appends,
         CASE WHEN a.earliest_at > b.last_executed_at THEN b.last_executed_at
              ELSE (SELECT max(closed_at) FROM episodes e
                    WHERE e.book = a.book COLLATE "C" AND e.closed_at < a.earliest_at AND e.is_boundary)
         END AS boundary
  FROM affected a LEFT JOIN lot_books b ON b.book = a.book COLLATE "C"
)
SELECT book, appends, boundary, average_cash, array(
  SELECT unnest(order_ids) COLLATE "C"
  UNION
  SELECT entry_order_id FROM fifo_allocations a
  WHERE NOT appends AND a.book = planned.book AND (boundary IS NULL OR a.closed_at > boundary)
  UNION
  SELECT exit_order_id FROM fifo_allocations a
  WHERE NOT appends AND a.book = planned.book AND (boundary IS NULL OR a.closed_at > boundary)
  UNION
  SELECT order_id FROM fifo_open_lots l WHERE NOT appends AND l.book = planned.book
  UNION
  SELECT order_id FROM fifo_unmatched_exits u
  WHERE NOT appends AND u.book = planned.book AND (boundary IS NULL OR u.executed_at > boundary)
) AS order_ids
FROM planned ORDER BY book
