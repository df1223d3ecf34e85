-- What the kit keeps in the schema of every service.

-- Facts on their way to Kafka, and those of event topics for ever.
create table outbox (
    -- Rises in commit order within a key, because it is drawn under the lock on the key's counter.
    position       bigint generated always as identity primary key,
    topic          text not null,
    key            text not null,
    sequence       bigint not null check (sequence > 0),
    event_id       uuid not null,
    event_type     text not null,
    correlation_id uuid,
    appended_at    timestamptz not null default now(),
    -- As they are sent: name to value. `json`, not `jsonb`: the relay wants the text.
    headers        json not null,
    -- Null is a tombstone.
    value          bytea,
    published_at   timestamptz,
    -- Set by an operator: this row will never be sent.
    quarantined_at timestamptz
    -- No index on (topic, key, sequence): the counters keep it unique, and marking a million
    -- rows would write as many entries all over it. By position they lie side by side.
);
-- The relay's way to what waits: small however large the table is.
create unique index outbox_waiting on outbox (position)
    where published_at is null and quarantined_at is null;
-- What may be forgotten one day, by when it was settled. Facts of events are not in it, so
-- marking them as published costs nothing more.
create index outbox_forgettable on outbox (coalesce(published_at, quarantined_at))
    where topic like '%-state' and coalesce(published_at, quarantined_at) is not null;

-- The last number given in each key; its row lock is what orders the writers of a key.
create table outbox_counters (
    topic          text not null,
    key            text not null,
    last_sequence  bigint not null,
    -- Kafka refused a record of this key: nothing of it is sent until an operator decides.
    blocked_at     timestamptz,
    blocked_reason text,
    primary key (topic, key)
);
create index outbox_blocked on outbox_counters (topic, key) where blocked_at is not null;

-- How far each key of each topic has been applied here.
create table positions (
    topic         text not null,
    key           text not null,
    last_sequence bigint not null,
    -- Null where an operator skipped events that nobody has seen.
    last_event_id uuid,
    primary key (topic, key)
-- Room on the page for the next version of a row: an advance touches no index.
) with (fillfactor = 80);

-- Records that could not be applied, raw, until they are applied, replaced or skipped.
create table parked (
    parked_id         bigint generated always as identity primary key,
    topic             text not null,
    partition         integer not null,
    record_offset     bigint not null,
    -- What the record is, wherever in the log it stands: a record read again is parked once.
    fingerprint       bytea not null,
    key               text,
    sequence          bigint,
    event_id          uuid,
    event_type        text,
    -- Why, in one word: unparsable, failed, gap, behind, fork.
    reason            text not null,
    error             text not null default '',
    attempts          integer not null default 0,
    parked_at         timestamptz not null default now(),
    -- Null waits for an operator, or for the record before it.
    next_attempt_at   timestamptz,
    raw_key           bytea,
    -- JSON list of [name, base64 of the value or null].
    raw_headers       text not null,
    raw_value         bytea,
    -- Skipped by an operator: the bytes are gone, the fingerprint stays, so that
    -- reading the log again does not park the record again.
    skipped_at        timestamptz,
    unique (topic, fingerprint)
);
create index parked_open on parked (topic, key, sequence) where skipped_at is null;
create index parked_due on parked (next_attempt_at) where next_attempt_at is not null;

-- Commands that were done once, with what they answered.
create table idempotency_keys (
    key         text primary key,
    fingerprint bytea not null,
    -- Null while the first call is still at work.
    result      jsonb,
    created_at  timestamptz not null default now()
);
create index idempotency_keys_age on idempotency_keys (created_at);

-- Personal links that were used; kept until the link would have expired anyway.
create table spent_nonces (
    nonce      text primary key,
    spent_at   timestamptz not null default now(),
    expires_at timestamptz not null
);
create index spent_nonces_expiry on spent_nonces (expires_at);

-- How much of each limit is used in the running window.
create table rate_limits (
    bucket     text primary key,
    spent      integer not null,
    expires_at timestamptz not null
);
create index rate_limits_expiry on rate_limits (expires_at);

-- Who may sign in, as registration announced it.
create table accounts (
    account_id uuid primary key,
    roles      text[] not null,
    epoch      integer not null,
    active     boolean not null
);

-- What operators did by hand, and why.
create table operator_audit (
    audit_id bigint generated always as identity primary key,
    at       timestamptz not null default now(),
    operator text not null,
    command  text not null,
    subject  text not null,
    reason   text not null
);
