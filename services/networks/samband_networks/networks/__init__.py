"""The life of a network: planned, announced, open, running, closed."""
