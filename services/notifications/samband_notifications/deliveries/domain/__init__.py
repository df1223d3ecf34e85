"""Deliveries: the rules."""
