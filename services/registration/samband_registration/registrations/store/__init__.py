"""SQL of interest registrations."""
