"""One file per concern: pure functions from an observation and a record to a decision."""
