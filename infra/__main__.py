"""The Pulumi program of a whole installation; settings stand in `Pulumi.<stack>.yaml`."""

from fleetmend.components.installation import main

main()
