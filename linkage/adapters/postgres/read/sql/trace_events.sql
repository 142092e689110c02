-- What was reported of an order, in the order of its own times.
SELECT status, venue_status, order_type, trigger, size, client_order_id, bot_id, parent_order_id,
       replaces_order_id, ingest_via, origin, created_at, updated_at, recorded_at
FROM order_events
WHERE order_id = %(order_id)s
ORDER BY coalesce(updated_at, created_at), recorded_at, event_hash
