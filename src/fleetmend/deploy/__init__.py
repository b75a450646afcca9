"""Package the artifact, capture the resource graph, judge it, export it, run an engine."""
