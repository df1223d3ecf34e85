-- `trace` finds what was said because of one correlation.
create index notifications_correlation on notifications (correlation_id);
