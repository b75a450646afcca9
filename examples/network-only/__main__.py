"""Only the network: three zones, a NAT gateway in each, and endpoints for AWS's own services."""

import pulumi
import pulumi_aws as aws

from fleetmend.components.alerts import Alerts
from fleetmend.components.flow_logs import flow_log_group
from fleetmend.components.identity import InstallationArgs, naming
from fleetmend.components.keys import Keys
from fleetmend.components.network import Network

config = pulumi.Config()
me: InstallationArgs = {
    "project": "ground",
    "suffix": config.require("suffix"),
    "region": config.require("region"),
}
provider = aws.Provider("aws", region=me["region"])
opts = pulumi.ResourceOptions(provider=provider)
account = aws.get_caller_identity_output(
    opts=pulumi.InvokeOutputOptions(provider=provider)
).account_id

keys = Keys(
    "keys",
    {
        "installation": me,
        "account_id": account,
        "log_groups": [flow_log_group(naming(me))],
        "rules": [],
    },
    opts,
)
alerts = Alerts(
    "alerts", {"installation": me, "account_id": account, "key_arn": keys.alerts_arn}, opts
)
network = Network(
    "network",
    {
        "installation": me,
        "account_id": account,
        "vpc_cidr": config.get("block") or "10.20.0.0/16",
        "zone_count": 3,
        "key_arn": keys.main_arn,
        "topic_arn": alerts.topic_arn,
    },
    opts,
)
pulumi.export("vpc_id", network.vpc_id)
pulumi.export("private_subnet_ids", network.private_subnet_ids)
