"""Kickoffs, network meetings and trainings, and the invitations to them."""
