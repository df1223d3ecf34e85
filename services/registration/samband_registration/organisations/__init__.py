"""Organisations: Sweden's municipalities and regions, and counterparts abroad."""
