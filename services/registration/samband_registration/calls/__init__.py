"""Calls: the periods in which interest can be registered."""
