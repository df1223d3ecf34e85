"""Deliveries: the SQL, by what it is for."""
