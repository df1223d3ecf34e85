"""The whole of Samband on one machine without Docker."""
