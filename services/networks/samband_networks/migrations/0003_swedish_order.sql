-- The key puts names into Swedish order byte by byte; a server with rules of
-- its own for sorting (en_US, say) has to leave them out here.
alter table organisations alter column sort_key type text collate "C";
