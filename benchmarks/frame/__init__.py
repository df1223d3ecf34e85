"""What all benchmarks share: servers, turns, figures, and how they are shown."""
