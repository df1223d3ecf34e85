-- Whom we can write to: what registration says about contact persons.
create table recipients (
    contact_id      uuid primary key,
    organisation_id uuid,
    name            text,
    email           text,
    language        text check (language in ('sv', 'en')),
    time_zone       text,
    -- The person was erased: nothing is known any more, and nothing will be sent.
    erased_at       timestamptz,
    check ((erased_at is null) = (email is not null)),
    check (erased_at is null or (organisation_id, name, language, time_zone)
           is not distinct from (null::uuid, null::text, null::text, null::text))
);

-- What organisations are called.
create table organisations (
    organisation_id uuid primary key,
    name            text not null
);

-- Who acts for which member of which network: whom a meeting concerns.
create table representatives (
    membership_id uuid not null,
    contact_id    uuid not null,
    network_id    uuid not null,
    primary key (membership_id, contact_id)
);
create index representatives_network on representatives (network_id, contact_id);
create index representatives_contact on representatives (contact_id);

-- One message about one thing, before anybody in particular gets it.
create table notifications (
    notification_id uuid primary key,
    template        text not null,
    -- Of one thread about one object the highest version counts; the others are superseded.
    thread          text not null,
    object_id       uuid not null,
    version         bigint not null,
    -- Set where the members of a network are told, also those who join later.
    network_id      uuid,
    -- What the mail tells. No personal data.
    facts           jsonb not null,
    -- After this there is no point in sending it.
    expires_at      timestamptz not null,
    -- The fact that led to it.
    event_id        uuid not null,
    correlation_id  uuid,
    traceparent     text,
    created_at      timestamptz not null default now(),
    unique (thread, object_id, version)
);
create index notifications_object on notifications (object_id);
create index notifications_network on notifications (network_id) where network_id is not null;

-- That message to one recipient. A row is leased by the sender that works on it.
create table deliveries (
    delivery_id     uuid primary key,
    notification_id uuid not null references notifications,
    recipient_id    uuid not null,
    template        text not null,
    state           text not null default 'queued'
                    check (state in ('queued', 'sending', 'waiting', 'uncertain', 'held', 'sent',
                                     'delivered', 'failed', 'skipped')),
    reason          text,
    -- What the mail server said, without addresses.
    detail          text,
    -- When to try; null while the recipient is not known yet.
    due_at          timestamptz,
    attempts        integer not null default 0,
    doubts          integer not null default 0,
    lease_token     uuid,
    lease_until     timestamptz,
    -- Committed before DATA: from here on the message may have arrived.
    data_started_at timestamptz,
    created_at      timestamptz not null default now(),
    settled_at      timestamptz,
    unique (notification_id, recipient_id),
    check ((state = 'sending') = (lease_token is not null))
) with (fillfactor = 60);
create index deliveries_due on deliveries (due_at) where state in ('queued', 'waiting');
create index deliveries_recipient on deliveries (recipient_id);
-- What is not done, however many are: lists of staff, leases that ended, the gauges.
create index deliveries_open on deliveries (state, delivery_id)
    where state not in ('sent', 'delivered');

-- What happened to a delivery besides plain sailing.
create table delivery_steps (
    step_id     bigint generated always as identity primary key,
    delivery_id uuid not null references deliveries,
    at          timestamptz not null default clock_timestamp(),
    state       text not null,
    reason      text,
    detail      text,
    -- The account of the person who did it, and why.
    actor_id    uuid,
    note        text
);
create index delivery_steps_delivery on delivery_steps (delivery_id, step_id);
