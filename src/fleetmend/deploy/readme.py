"""The README that an export carries."""

from fleetmend.core.graph import Graph

_HEAD = """# {project} ({stack}) for Terraform

Made by `fleetmend export terraform` from the Pulumi program; change that, not these files.

    terraform init
    terraform plan -out=fleetmend.tfplan
    terraform apply fleetmend.tfplan

Terraform 1.11 or OpenTofu 1.11 and the AWS provider 5.100 or newer are needed. Credentials come
from the environment, as always (`AWS_PROFILE`, `AWS_ACCESS_KEY_ID`, ...); the region stands in the
configuration. Keep the state where your team keeps its state: add a `backend.tf.json` of your own
here, a later export does not touch it.

Once applied with one engine, stay with it: Pulumi does not know what Terraform made.

    terraform output            # what other systems need
    terraform destroy           # resources with prevent_destroy refuse; see the program
"""
_SECRETS = """
`{file}` holds the secrets of the configuration and is readable by you alone. Keep it out of version
control (`.gitignore` does), or delete it and set the variables another way (`TF_VAR_...`).
"""


def readme(graph: Graph, secrets_file: str | None) -> str:
    """The text; `secrets_file` is the name of the file with secrets, if there is one."""
    text = _HEAD.format(project=graph.project, stack=graph.stack)
    return text + _SECRETS.format(file=secrets_file) if secrets_file else text
