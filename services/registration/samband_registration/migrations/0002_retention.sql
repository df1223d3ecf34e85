-- Personal data of registrations is kept for a limited time after they ended.
alter table registrations
    -- Ended without a place: declined, withdrawn, never confirmed.
    add column ended_at  timestamptz,
    -- The persons behind it and what they wrote are forgotten.
    add column erased_at timestamptz;

update registrations
set ended_at = (select max(at) from registration_history entry
                where entry.registration_id = registrations.registration_id
                  and entry.action in ('decline', 'withdraw', 'expire'))
where state in ('declined', 'withdrawn', 'expired');
update registrations set erased_at = ended_at where state = 'expired';

create index registrations_ended on registrations (ended_at)
    where ended_at is not null and erased_at is null;
create index registrations_merged on registrations (merged_into) where merged_into is not null;
create index registration_contacts_contact on registration_contacts (contact_id);

-- What is said about a person is found without reading every fact of this service.
create index outbox_contact_state on outbox (key) where topic = 'samband.internal.contact-state';
