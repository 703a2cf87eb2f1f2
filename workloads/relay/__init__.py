"""Events on their way: outbox to stream (`relay`), stream to archive (`archive`), queue to a consumer (`consume`)."""
