"""Accounts: who of staff may sign in."""
