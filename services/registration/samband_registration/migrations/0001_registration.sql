-- Organisations, calls, contact persons, staff accounts and interest registrations.

-- Trusted extension: an administrator may have created it before, in any schema.
create extension if not exists pg_trgm;

-- How alike two folded names are, 0 to 1. The extension's own function lies in a
-- schema that is not on the search path of this service everywhere.
do $$
begin
    execute format(
        'create function likeness(a text, b text) returns real '
        'language sql immutable strict parallel safe return %I.similarity(a, b)',
        (select nspname from pg_extension join pg_namespace n on n.oid = extnamespace
         where extname = 'pg_trgm')
    );
end
$$;

create table counties (
    county_code text primary key,
    letter      text not null,
    name        text not null
);

create table organisations (
    organisation_id  uuid primary key,
    name             text not null,
    short_name       text not null,
    kind             text not null,
    country          text not null check (country ~ '^[A-Z]{2}$'),
    -- Official, Swedish organisations only.
    code             text,
    county_code      text references counties,
    -- Gotland: a municipality that does what regions do elsewhere.
    has_region_tasks boolean not null default false,
    -- Byte order is Swedish order: this Postgres may know no Swedish collation.
    sort_key         text collate "C" not null,
    folded_name      text not null,
    stem             text not null,
    described_at     timestamptz not null default now()
);
create unique index organisations_code on organisations (country, kind, code)
    where code is not null;
create unique index organisations_foreign_name on organisations (country, folded_name)
    where country <> 'SE';

-- Everything an organisation is called, the official name included.
create table organisation_names (
    organisation_id uuid not null references organisations on delete cascade,
    position        integer not null,
    name            text not null,
    folded          text not null,
    stem            text not null,
    primary key (organisation_id, position)
);
create index organisation_names_folded on organisation_names (folded);

create table themes (
    theme    text primary key,
    label_sv text not null,
    label_en text not null,
    position integer not null
);

create table calls (
    call_id   uuid primary key,
    title_sv  text not null,
    title_en  text not null,
    opens_at  timestamptz not null,
    closes_at timestamptz not null check (closes_at > opens_at),
    zone      text not null,
    closed_at timestamptz
);

-- Personal data lies here and, as names of staff, in staff_accounts; nowhere else.
create table contacts (
    contact_id      uuid primary key,
    organisation_id uuid not null references organisations,
    name            text not null,
    email           text not null,
    language        text not null check (language in ('sv', 'en')),
    time_zone       text not null,
    created_at      timestamptz not null default now()
);

create table staff_accounts (
    account_id uuid primary key,
    email      text not null,
    name       text not null,
    created_at timestamptz not null default now()
);
create unique index staff_accounts_email on staff_accounts (lower(email));

create table registrations (
    registration_id   uuid primary key,
    reference         text not null unique,
    call_id           uuid not null references calls,
    organisation_id   uuid not null references organisations,
    -- Null is the answer "not decided yet", as 'undecided' is of the theme.
    counterpart_id    uuid references organisations,
    theme             text not null,
    message           text not null,
    state             text not null,
    expires_at        timestamptz not null,
    received_at       timestamptz not null default now(),
    confirmed_at      timestamptz,
    duplicate_of      uuid references registrations,
    -- The sender was offered to join the other one, and prefers this one.
    kept_by_sender_at timestamptz,
    merged_into       uuid references registrations
);
create index registrations_same on registrations (call_id, organisation_id)
    where confirmed_at is not null;
create index registrations_state on registrations (state, registration_id);
create index registrations_unverified on registrations (expires_at) where state = 'unverified';

-- Who stands behind a registration, in the order in which they came. A contact
-- person may have been erased since: then only the id remains.
create table registration_contacts (
    registration_id uuid not null references registrations,
    contact_id      uuid not null,
    position        integer not null,
    primary key (registration_id, contact_id)
);

-- What happened to a registration and who did it; never changed, never deleted.
create table registration_history (
    registration_id uuid not null references registrations,
    entry           integer not null,
    at              timestamptz not null,
    actor           text not null check (actor in ('sender', 'staff', 'system')),
    account_id      uuid,
    action          text not null,
    state           text not null,
    primary key (registration_id, entry)
);
