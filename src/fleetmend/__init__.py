"""Fleetmend keeps an AWS EC2 fleet running, reversible and accountable."""

__version__ = "0.1.0"
