-- Save how far changes were turned into lots.
UPDATE lot_progress
SET changed_since = %(since)s, after_order_id = %(after_order_id)s, matched_at = clock_timestamp()
