"""Pulumi starts this to use the components from another language; see `PulumiPlugin.yaml`."""

from fleetmend.deploy.component_schema import serve

if __name__ == "__main__":
    serve()
