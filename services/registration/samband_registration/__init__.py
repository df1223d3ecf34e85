"""Interest registration: organisations, contact persons, calls, registrations."""
