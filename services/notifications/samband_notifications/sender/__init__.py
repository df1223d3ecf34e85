"""Sender: takes deliveries from the queue and hands them to the mail server."""
