-- The sender wants to become a part of the other one, and staff are to decide.
alter table registrations add column asked_to_join_at timestamptz;
