-- Lock books until the end of the transaction, in one order for everybody.
SELECT count(pg_advisory_xact_lock(lock))
FROM (
  SELECT DISTINCT hashtextextended(book, 0) AS lock FROM unnest(%(books)s::text[]) AS books(book) ORDER BY 1
) ordered
