"""The web view of the fleet, and its actions."""
