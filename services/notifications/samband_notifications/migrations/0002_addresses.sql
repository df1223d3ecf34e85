-- Who else has the same address: one person may be known as several contacts.
create index recipients_address on recipients (lower(email));
