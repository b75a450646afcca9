"""The only room that speaks to AWS; it implements the ports of the core."""
