"""Calls as registration announces them: what may feed a network."""
