"""Recipients: the persons whom registration lets us write to."""
