"""The rules of `fleetmend check` as a policy pack: `pulumi up --policy-pack infra/policy`."""

from pulumi_policy import PolicyPack

from fleetmend.deploy.pack import policies

PolicyPack(name="fleetmend", policies=[*policies()])
