"""The mailbox: a mail server that keeps every mail and delivers none.

Services send to it as to any other server; people and tests read what came in
on a web page and as JSON. Mails are files, kept between runs.
"""
