-- Delete what is going to be matched anew of each book: the rows after its boundary, or all where it has
-- none. A book keeps its own row where nothing but the boundary itself is left of it.
WITH planned AS MATERIALIZED (
  SELECT book COLLATE "C" AS book, boundary, is_emptied
  FROM json_to_recordset(%(planned)s::json) AS p(book text, boundary timestamptz, is_emptied boolean)
), allocations AS (
  DELETE FROM fifo_allocations a USING planned p
  WHERE a.book = p.book AND (p.boundary IS NULL OR a.closed_at > p.boundary)
), episodes_after AS (
  DELETE FROM episodes e USING planned p
  WHERE e.book = p.book AND (p.boundary IS NULL OR e.closed_at > p.boundary OR e.closed_at IS NULL)
), open_lots AS (
  DELETE FROM fifo_open_lots l USING planned p WHERE l.book = p.book
), unmatched_exits AS (
  DELETE FROM fifo_unmatched_exits u USING planned p
  WHERE u.book = p.book AND (p.boundary IS NULL OR u.executed_at > p.boundary)
), emptied AS (
  UPDATE lot_books b SET last_executed_at = p.boundary, average_cash = 0
  FROM planned p WHERE b.book = p.book AND p.is_emptied
)
DELETE FROM lot_books b USING planned p WHERE b.book = p.book AND NOT p.is_emptied
