-- The books that have a row and should have none.
SELECT book, book AS name FROM lot_books WHERE book <> ALL (%(books)s::text[] COLLATE "C")
