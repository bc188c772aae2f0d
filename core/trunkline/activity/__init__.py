"""Activity: recorded anywhere, staged, kept in the outbox, delivered to sinks."""
