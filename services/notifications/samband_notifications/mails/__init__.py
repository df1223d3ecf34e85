"""Mails: what is written, and the bytes that go over the wire."""
