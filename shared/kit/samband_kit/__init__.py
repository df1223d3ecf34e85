"""What every Samband service needs once: database, outbox, relay, consumer, web."""
