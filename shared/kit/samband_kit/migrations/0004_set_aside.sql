-- Whether a row of a state topic was replaced is asked of what was set aside after it: a few
-- rows, in a table that only grows.
create index outbox_set_aside on outbox (topic, key, sequence) where quarantined_at is not null;
