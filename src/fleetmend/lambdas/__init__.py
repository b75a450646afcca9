"""One entry file per concern, its settings and its wiring."""
