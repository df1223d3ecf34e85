"""Keys lie where every other Kafka client looks for them."""

import pytest
from aiokafka import partitioner
from hypothesis import given
from hypothesis import strategies as some
from samband_kit.kafka import partition_of
from samband_kit.kafka.partitioning import murmur2


@given(some.binary(max_size=80))
def test_the_hash_is_that_of_other_clients(data: bytes) -> None:
    assert murmur2(data) == partitioner.murmur2(data) & 0xFFFFFFFF


# From the tests of Kafka's own client.
@pytest.mark.parametrize(
    ("key", "hashed"),
    [
        ("21", -973932308),
        ("foobar", -790332482),
        ("a-little-bit-long-string", -985981536),
        ("a-little-bit-longer-string", -1486304829),
        ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
    ],
)
def test_a_key_lies_where_the_java_client_puts_it(key: str, hashed: int) -> None:
    assert partition_of(key, 12) == (hashed & 0x7FFFFFFF) % 12
