"""Accepted registrations, which wait for or feed a network."""
