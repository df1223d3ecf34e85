"""Notifications: the right people are told, once, in their language."""
