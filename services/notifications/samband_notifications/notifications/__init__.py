"""Notifications: one message about one thing, and whom it concerns."""
