-- Let what changed since a moment, or ever where it is null, be matched anew.
UPDATE lot_progress
SET after_order_id = '', changed_since = least(changed_since, coalesce(%(since)s::timestamptz, '-infinity'))
