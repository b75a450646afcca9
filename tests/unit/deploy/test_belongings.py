"""Where an installation's data lies: read off the graph, region by region."""

import pulumi
import pulumi_aws as aws

from fleetmend.deploy.belongings import Belongings, belongings
from fleetmend.deploy.capture import capture

OURS = {"Project": "p", "Environment": "dev", "ManagedBy": "fleetmend"}


def test_by_region_and_only_what_says_whose_it_is():
    def program():
        for region in ("us-east-1", "us-west-2"):
            provider = aws.Provider(region, region=region)
            options = pulumi.ResourceOptions(provider=provider)
            aws.backup.Vault(f"v-{region}", name=f"vault-{region}", tags=OURS, opts=options)
            aws.s3.Bucket(f"b-{region}", bucket=f"b-{region}", tags=OURS, opts=options)
        aws.backup.Vault("foreign", name="foreign", tags={"Project": "p"}, opts=options)

    assert belongings(capture(program, config={})) == [
        Belongings("us-east-1", OURS, ("vault-us-east-1",)),
        Belongings("us-west-2", OURS, ("vault-us-west-2",)),
    ]
