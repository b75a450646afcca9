"""The settings of remediation: off unless asked for, and then only what each rule asks for."""

from fleetmend.components.settings_groups import Group
from fleetmend.components.settings_policy import RemediationFields, further
from fleetmend.components.settings_types import setting, switch


class RemediationSettings(Group):
    """Remediation: what is done about broken tag rules."""

    deploy_remediation: bool = switch(
        "Install the function that does what the rules' `remedy` asks for. It brings a role that "
        "may set the tags these rules name, and stop instances under a hold; without it nothing "
        "in the installation may. It needs `deployCompliance`.",
        on=False,
    )
    remediation_mode: str = setting(
        "act",
        "Where its own switch stands at first.",
        valid="off, observe or act",
        pattern=r"^(off|observe|act)$",
    )
    remediation_most_changes: int = setting(
        10,
        "How many instances one run changes at most.",
        valid="a whole number from 0 to 10000",
        ge=0,
        le=10_000,
    )
    remediation_sweep_minutes: int = setting(
        60,
        "How often a run is begun.",
        valid="a whole number of minutes from 5 to 1440",
        ge=5,
        le=1440,
    )
    remediation_policy: RemediationFields = further(
        "remediation", "docs/compliance.md", '{"settle": 600}'
    )
