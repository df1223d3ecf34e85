"""Contact persons: the one place where personal data lies."""
