-- A delivery's id follows from its notification and recipient, as the notification's does from
-- its event: a restored database that hears an event again sends a mail with the same Message-ID,
-- and a mailbox can drop it. It begins with the time of the event, so that ids go on to sort by it.
create function delivery_id_of(notification_id uuid, recipient_id uuid) returns uuid
language sql immutable strict parallel safe
return (
    select encode(set_byte(set_byte(octets, 6, get_byte(octets, 6) & 15 | 128),
                           8, get_byte(octets, 8) & 63 | 128), 'hex')::uuid
    from (select substr(uuid_send(notification_id), 1, 6)
                 || substr(sha256(uuid_send(notification_id) || uuid_send(recipient_id)), 1, 10)
                 as octets) made);
