"""Organisations in networks, taken in when their registration is accepted."""
