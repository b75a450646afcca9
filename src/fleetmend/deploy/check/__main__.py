"""`python -m fleetmend.deploy.check` prints the reference page of the rules."""

from fleetmend.deploy.check.reference import reference

print(reference(), end="")
