"""Least privilege in both directions: every call allowed, every grant used.

`judge` takes the graph and what functions really called, and says for each function which calls
its own policies would deny, and which of its grants no call ever used.
"""

from fleetmend.deploy.privilege.accepted import ACCEPTED, Accepted
from fleetmend.deploy.privilege.calls import Call, Recording, RecordingError, read
from fleetmend.deploy.privilege.judge import Report, judge
from fleetmend.deploy.privilege.reduce import kinds, reduced
from fleetmend.deploy.privilege.shipped import for_graph, shipped
from fleetmend.deploy.privilege.table import table

__all__ = [
    "ACCEPTED",
    "Accepted",
    "Call",
    "Recording",
    "RecordingError",
    "Report",
    "for_graph",
    "judge",
    "kinds",
    "read",
    "reduced",
    "shipped",
    "table",
]
