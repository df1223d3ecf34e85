-- A record that is no event has no name, and `reconcile` tells of it all the same.
alter table reconcile_log
    alter column key drop not null,
    alter column sequence drop not null,
    alter column event_id drop not null;
