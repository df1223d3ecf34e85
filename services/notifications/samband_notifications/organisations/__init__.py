"""Organisations: what they are called."""
