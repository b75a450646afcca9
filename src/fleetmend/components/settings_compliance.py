"""The settings of compliance: by which rules, over which accounts and regions, how often."""

from fleetmend.components.settings_groups import Group
from fleetmend.components.settings_types import Accounts, Regions, setting, switch
from fleetmend.core.compliance import MOST_LANES, CompliancePolicy
from fleetmend.core.times import DAYS


class ComplianceSettings(Group):
    """Compliance: what carries which tags."""

    deploy_compliance: bool = switch(
        "Install the compliance controller; it needs `complianceRules`.", on=False
    )
    compliance_rules: str | None = setting(
        None,
        "The rules file (docs/compliance.md); a path that is not absolute is looked for where the "
        "program runs and in the folders above.",
        valid="the path of a YAML file, such as rules.yaml",
        pattern=r"^.+\.ya?ml$",
    )
    compliance_accounts: Accounts = setting(
        [],
        "Accounts to scan, each with a `Spoke`; this one where it is left out.",
        valid="ids of 12 digits with commas between them, each once",
    )
    compliance_regions: Regions | None = setting(
        None,
        "Regions to scan in each account; this one where it is left out.",
        valid="region names with commas between them",
    )
    compliance_external_id: str | None = setting(
        None,
        "What the function says to spokes; project and suffix where it is left out.",
        valid="2 to 64 letters, digits and + = , . @ : / -",
        pattern=r"^[\w+=,.@:/-]{2,64}$",
    )
    compliance_digest: str = setting(
        "never",
        "The day of the week on which people are told where things stand, also where nothing "
        "changed.",
        valid="mon, tue, wed, thu, fri, sat, sun or never",
        pattern=f"^({'|'.join(DAYS)}|never)$",
    )
    compliance_lanes: int = setting(
        CompliancePolicy().lanes,
        "How many parts of a region with more than a page of resources are read at once.",
        valid=f"a whole number from 1 to {MOST_LANES}",
        ge=1,
        le=MOST_LANES,
    )
    compliance_sweep_hours: int = setting(
        24, "How often a run is begun.", valid="a whole number of hours from 1 to 24", ge=1, le=24
    )
