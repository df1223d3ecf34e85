"""Notifications: the right people are told, once, in their language.

It listens to what the other services announce and writes one delivery row per
recipient; senders, as many as are started, take the rows and talk to the mail
server. Persons are known here by what registration says about them, and are
forgotten when it says so.
"""
