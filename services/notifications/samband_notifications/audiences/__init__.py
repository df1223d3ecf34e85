"""Audiences: who acts for the members of which networks."""
