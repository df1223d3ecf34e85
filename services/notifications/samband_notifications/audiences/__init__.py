"""Audiences: which organisations are in which networks."""
