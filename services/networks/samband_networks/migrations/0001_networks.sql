-- Calls as registration announces them. A row without a title is a call that
-- another fact has named before its own arrived. Whoever changes what a call
-- leads to (acceptances, the network that it feeds) locks its row first.
create table calls (
  call_id uuid primary key,
  title_sv text,
  title_en text,
  opens_at timestamptz,
  closes_at timestamptz,
  zone text,
  closed_at timestamptz
);

create table networks (
  network_id uuid primary key,
  name_sv text not null,
  name_en text not null,
  round integer not null check (round > 0),
  call_id uuid references calls (call_id),
  coordinator_id uuid not null,
  capacity integer check (capacity > 0),
  state text not null check (state in (
    'planned', 'announced', 'open', 'running', 'paused', 'closing', 'closed', 'cancelled')),
  created_at timestamptz not null default now(),
  changed_at timestamptz not null default now()
);

-- A call feeds one network at a time; another may take over when that is over.
create unique index networks_one_per_call on networks (call_id)
  where state not in ('closed', 'cancelled');

-- Rounds of a network differ in their number, so the same pair is a mistake.
create unique index networks_name_and_round on networks (lower(name_sv), round)
  where state <> 'cancelled';

-- Organisations as the acceptances that concern them named them last.
create table organisations (
  organisation_id uuid primary key,
  name text not null,
  sort_key text not null,
  kind text not null,
  country text not null,
  code text
);

-- Accepted registrations. Without a network they wait for one that is fed by
-- their call.
create table acceptances (
  registration_id uuid primary key,
  call_id uuid not null references calls (call_id),
  organisation_id uuid not null references organisations (organisation_id),
  counterpart_id uuid references organisations (organisation_id),
  contact_ids uuid[] not null,
  network_id uuid references networks (network_id),
  accepted_at timestamptz not null,
  withdrawn_at timestamptz,
  -- The fact, and the story that it belongs to: a membership that comes of it
  -- later is still part of that story.
  event_id uuid not null,
  correlation_id uuid not null
);
create index acceptances_waiting on acceptances (call_id)
  where network_id is null and withdrawn_at is null;
create index acceptances_network on acceptances (network_id);

-- Registrations that became part of another one, before or after its acceptance.
create table merged_registrations (
  registration_id uuid primary key,
  into_id uuid not null,
  contact_ids uuid[] not null
);
create index merged_registrations_into on merged_registrations (into_id);

create table memberships (
  membership_id uuid primary key,
  network_id uuid not null references networks (network_id),
  organisation_id uuid not null references organisations (organisation_id),
  state text not null check (state in ('active', 'left', 'completed')),
  joined_at timestamptz not null,
  ended_at timestamptz,
  unique (network_id, organisation_id)
);

-- Contact persons, by opaque id, who act for a member.
create table representatives (
  membership_id uuid not null references memberships (membership_id),
  contact_id uuid not null,
  primary key (membership_id, contact_id)
);

create table tasks (
  task_id uuid primary key,
  network_id uuid not null references networks (network_id),
  kind text not null check (kind in (
    'accepted_after_end', 'accepted_after_leaving', 'over_capacity', 'withdrawn')),
  organisation_id uuid not null references organisations (organisation_id),
  registration_id uuid not null,
  raised_at timestamptz not null default now(),
  done_at timestamptz,
  done_by uuid,
  unique (network_id, kind, organisation_id, registration_id)
);

create table meetings (
  meeting_id uuid primary key,
  network_id uuid not null references networks (network_id),
  kind text not null check (kind in ('kickoff', 'network_meeting', 'training')),
  state text not null check (state in ('draft', 'scheduled', 'held', 'cancelled')),
  title_sv text not null,
  title_en text not null,
  agenda_sv text not null,
  agenda_en text not null,
  starts_at timestamptz not null,
  ends_at timestamptz not null check (ends_at > starts_at),
  zone text not null,
  form text not null check (form in ('digital', 'physical', 'hybrid')),
  digital_link text check (digital_link like 'https://%'),
  revision integer not null default 0,
  created_at timestamptz not null default now(),
  changed_at timestamptz not null default now()
);
create index meetings_network on meetings (network_id, starts_at);
create unique index meetings_one_kickoff on meetings (network_id)
  where kind = 'kickoff' and state <> 'cancelled';
