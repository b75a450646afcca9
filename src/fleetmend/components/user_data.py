"""What an instance does at its first start: make sure that it can be reached and seen.

Nothing here needs the internet where the VPC has its endpoints: Amazon Linux keeps its package
repositories in S3, which the gateway endpoint reaches (Amazon Linux 2023 User Guide, "Access to
repositories"), and the agents speak to interface endpoints.
"""

import base64
import json
from dataclasses import dataclass

METRICS_SECONDS = 60
AGENT_DIRECTORY = "/opt/aws/amazon-cloudwatch-agent"

_SCRIPT = """\
#!/bin/bash
# Fleetmend: the SSM agent is the only way in, the CloudWatch agent tells how the instance is.
# One that does not come up must not keep the other, or what follows, from starting.
set -u

ensure() {{
  rpm -q "$1" >/dev/null 2>&1 && return 0
  local manager try
  manager=$(command -v dnf || command -v yum) || return 1
  for try in 1 2 3 4 5; do
    "$manager" install -y "$1" && return 0
    sleep $((try * 15))  # the route to the repository may be younger than this instance
  done
  echo "fleetmend: $1 could not be installed" >&2
  return 1
}}

ensure amazon-ssm-agent
systemctl enable --now amazon-ssm-agent

ensure amazon-cloudwatch-agent
mkdir -p {directory}/etc
cat > {directory}/etc/fleetmend.json <<'FLEETMEND_AGENT'
{config}
FLEETMEND_AGENT
{directory}/bin/amazon-cloudwatch-agent-ctl -a fetch-config -m ec2 -s \\
  -c file:{directory}/etc/fleetmend.json
systemctl enable amazon-cloudwatch-agent
"""


@dataclass(frozen=True, slots=True)
class AgentPlan:
    """What the CloudWatch agent reports, and where to.

    `namespace` and `log_group` must be those that the instance's role allows. `group` is the
    Auto Scaling group's name, the dimension by which its instances are added up.
    """

    region: str
    namespace: str
    log_group: str
    group: str


def user_data(plan: AgentPlan, extra: str = "") -> str:
    """The script, with the user's own lines at its end."""
    script = _SCRIPT.format(directory=AGENT_DIRECTORY, config=agent_config(plan))
    return f"{script}\n{extra.rstrip()}\n" if extra.strip() else script


def encoded(script: str) -> str:
    """The script as a launch template takes it."""
    return base64.b64encode(script.encode()).decode()


def agent_config(plan: AgentPlan) -> str:
    """The CloudWatch agent's configuration: memory, disk, and the two logs of the first start."""
    dimensions = {"AutoScalingGroupName": plan.group}

    def measured(measurement: str, **more: object) -> dict[str, object]:
        return {"measurement": [measurement], "append_dimensions": dimensions, **more}

    def collected(path: str, stream: str) -> dict[str, str]:
        return {
            "file_path": path,
            "log_group_name": plan.log_group,
            "log_stream_name": f"{{instance_id}}/{stream}",
        }

    config = {
        "agent": {"metrics_collection_interval": METRICS_SECONDS, "region": plan.region},
        "metrics": {
            "namespace": plan.namespace,
            "append_dimensions": {"InstanceId": "${aws:InstanceId}"},
            "aggregation_dimensions": [["AutoScalingGroupName"]],
            "metrics_collected": {
                "mem": measured("mem_used_percent"),
                "disk": measured("disk_used_percent", resources=["/"], drop_device=True),
            },
        },
        "logs": {
            "logs_collected": {
                "files": {
                    "collect_list": [
                        collected("/var/log/cloud-init-output.log", "cloud-init"),
                        collected("/var/log/amazon/ssm/amazon-ssm-agent.log", "ssm-agent"),
                    ]
                }
            }
        },
    }
    return json.dumps(config, indent=2)
