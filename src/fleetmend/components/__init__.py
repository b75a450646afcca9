"""Pulumi components, one file per concern beside the foundation they stand on."""
