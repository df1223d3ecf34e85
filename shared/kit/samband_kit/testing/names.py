"""Names that no other test uses."""

import uuid


def topic_prefix() -> str:
    """A prefix for the topics and consumer groups of one test."""
    return f"t{uuid.uuid4().hex[:10]}."
