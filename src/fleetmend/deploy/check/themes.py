"""The modules with the rules, by the first word of the rules' ids."""

from fleetmend.deploy.check import (
    accesses,
    alarms,
    deadletters,
    functions,
    guards,
    names,
    network,
    privileges,
    promises,
    reach,
    secrets,
    storage,
    tags,
    wildcards,
)

THEMES = {
    "iam": "Policies: who may do what",
    "net": "Network: what can be reached, and what gets through",
    "storage": "Storage: encrypted, versioned, private",
    "function": "Functions: logs, dead letters, order, alarms",
    "alarm": "Alarms: that someone hears them",
    "tag": "Tags: whose everything is",
    "name": "Names, types and regions",
    "secret": "Secrets: nothing in clear",
    "promise": "Promises: what the schedule can keep",
    "accept": "Acceptances",
}
"""What each theme is called in the reference, in its order."""

MODULES = (
    accesses,
    alarms,
    deadletters,
    functions,
    guards,
    names,
    network,
    privileges,
    promises,
    reach,
    secrets,
    storage,
    tags,
    wildcards,
)
