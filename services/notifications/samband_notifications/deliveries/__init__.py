"""Deliveries: one message to one recipient, from the queue to the mail server's answer."""
