-- `trace` finds the events of a correlation by it. Both ids are made in the order of time, as
-- the rows are, so a summary per group of pages leads there; marking rows as published costs
-- next to nothing more, where a tree would get an entry for every row again.
create index outbox_history on outbox
    using brin (correlation_id uuid_minmax_multi_ops, event_id uuid_minmax_multi_ops)
    with (pages_per_range = 32, autosummarize = on);
