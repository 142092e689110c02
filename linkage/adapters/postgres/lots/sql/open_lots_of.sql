-- The open lots of some books as they stand, oldest first.
SELECT book, side, order_id, execution_id, opened_at, quantity, entered_quantity, price, value, fee, missing,
       sources, position_id, episode_id
FROM fifo_open_lots
WHERE book = ANY (%(books)s::text[] COLLATE "C")
ORDER BY book, place
