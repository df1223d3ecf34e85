"""What a network's coordinator has to see to."""
