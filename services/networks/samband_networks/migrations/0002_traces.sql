-- The trace of the fact that brought an acceptance: what comes of it later belongs there too.
alter table acceptances add column traceparent text;
