"""The inventory scan beside others, on one canned endpoint."""
