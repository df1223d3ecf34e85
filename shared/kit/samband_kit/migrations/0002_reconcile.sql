-- What `reconcile` works with; empty between its runs, and of no worth after a crash.

-- The records that Kafka's log holds, by what makes an event itself.
create unlogged table reconcile_log (
    topic         text not null,
    key           text not null,
    sequence      bigint not null,
    event_id      uuid not null,
    partition     integer not null,
    record_offset bigint not null
);

-- Rows of the outbox that are to be sent again.
create unlogged table reconcile_missing (
    position bigint primary key
);
