"""What tests of services use, in this repository and in others.

Everything runs on a real PostgreSQL and a real Kafka; nothing here imitates
one. A test gets a database and a topic prefix of its own, so tests can share
the servers and run side by side.
"""

from samband_kit.testing.backing import Backing
from samband_kit.testing.canaries import tables_with
from samband_kit.testing.databases import admin_url, service_database, service_settings
from samband_kit.testing.eventually import eventually
from samband_kit.testing.facts import Facts
from samband_kit.testing.names import topic_prefix
from samband_kit.testing.records import create_topics, publish_raw, read_events, read_topic
from samband_kit.testing.running import RunningService, at_work, running

__all__ = [
    "Backing",
    "Facts",
    "RunningService",
    "admin_url",
    "at_work",
    "create_topics",
    "eventually",
    "publish_raw",
    "read_events",
    "read_topic",
    "running",
    "service_database",
    "service_settings",
    "tables_with",
    "topic_prefix",
]
