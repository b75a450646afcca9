"""Everything that an installation can have; the stack's configuration says how much of it.

`install` declares the network, compute, storage, backup, secrets, alerts and recovery, and exports
the outputs of docs/outputs.md. Resources of your own can follow it in the same program.
"""

from fleetmend.components.installation import install
from fleetmend.components.settings import Settings

install(Settings.from_pulumi())
