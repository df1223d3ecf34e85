"""Consuming: every record of a topic ends once, as applied, duplicate, parked or ignored.

`subscriber` takes records from Kafka, `ahead` makes batches of them and
`records` events, `plan` decides by the keys' positions what happens to each,
`batch` does it in one transaction, `parked` keeps what could not be applied and
`retries` applies it later. The offset is committed after the transaction, so a
record may be read again and is then a duplicate; no effect is ever repeated or
lost.
"""
