"""What Fleetmend costs and how fast it is, measured beside others: docs/benchmarks.md."""
