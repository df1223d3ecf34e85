"""What is true of interest registrations: pure rules, no I/O."""
