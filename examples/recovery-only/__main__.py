"""Only recovery, in an account whose instances are there already.

Tag instances `Auto-Recover=true`, and whatever stops them, they run again within five minutes.
Nothing here touches the network or the instances' own infrastructure.
"""

import pulumi
import pulumi_aws as aws

from fleetmend.components.alerts import Alerts
from fleetmend.components.artifact import find_artifact
from fleetmend.components.controller_names import log_group_name, rule_name
from fleetmend.components.directory import Directory
from fleetmend.components.identity import InstallationArgs, naming
from fleetmend.components.keys import Keys
from fleetmend.components.parameters import Parameters
from fleetmend.components.recovery import Recovery
from fleetmend.components.storage import Storage

config = pulumi.Config()
me: InstallationArgs = {
    "project": "mend",
    "suffix": config.require("suffix"),
    "region": config.require("region"),
    "tags": {"Team": "platform"},
}
names = naming(me)
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
        "log_groups": [log_group_name(names, "recovery")],
        "rules": [rule_name(names, "recovery")],
    },
    opts,
)
alerts = Alerts(
    "alerts",
    {
        "installation": me,
        "account_id": account,
        "key_arn": keys.alerts_arn,
        "emails": config.require("emails").split(","),
    },
    opts,
)
storage = Storage(
    "storage", {"installation": me, "account_id": account, "key_arn": keys.main_arn}, opts
)
Parameters("parameters", {"installation": me, "mode": "observe"}, opts)
recovery = Recovery(
    "recovery",
    {
        "installation": me,
        "account_id": account,
        "artifact": find_artifact(),
        "ledger_name": storage.ledger_name,
        "ledger_arn": storage.ledger_arn,
        "key_arn": keys.main_arn,
        "topic_arn": alerts.topic_arn,
        "topic_key_arn": keys.alerts_arn,
    },
    opts,
)
Directory(
    "directory",
    {
        "installation": me,
        "account_id": account,
        "ledger_name": storage.ledger_name,
        "topic_arn": alerts.topic_arn,
        "queues": {"recovery": recovery.queue_url},
        "functions": {"recovery": recovery.function_arn},
        "promises": {"recovery": 300},
    },
    opts,
)
pulumi.export("function", recovery.function_name)
pulumi.export("ledger", storage.ledger_name)
