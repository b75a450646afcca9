"""The history of compliance for Athena: a database, tables, views, a workgroup, and questions."""

import base64
import json
from collections.abc import Mapping, Sequence
from typing import TypedDict

import pulumi
import pulumi_aws as aws

from fleetmend.components.identity import InstallationArgs, naming, tagging
from fleetmend.core import history

FIRST_DAY = "2025-01-01"
"""Before this there are no reports; days up to now are partitions by themselves."""

SCAN_LIMIT = 10 * 1024**3
"""Bytes one question may read: 10 GiB is years of findings, and five cents."""

_INPUT = "org.apache.hadoop.mapred.TextInputFormat"
_OUTPUT = "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat"
_JSON = "org.openx.data.jsonserde.JsonSerDe"


class HistoryArgs(TypedDict):
    """What `History` needs to know."""

    installation: InstallationArgs
    """Whose history it is."""
    ledger_name: pulumi.Input[str]
    """The bucket that reports lie in."""
    key_arn: pulumi.Input[str]
    """Encrypts the answers."""
    accounts: Sequence[pulumi.Input[str]]
    """Accounts that findings can be of."""
    regions: Sequence[str]
    """Regions that findings can be of."""


class History(pulumi.ComponentResource):
    """What Athena needs to be asked about compliance.

    Partitions are projected (Athena User Guide, "Partition projection"), so a new day can be asked
    for at once, and there is no crawler to run.

    Example:
        History("history", {"installation": me, "ledger_name": storage.ledger_name, ...})
    """

    database: pulumi.Output[str]
    """The Glue database."""
    workgroup: pulumi.Output[str]
    """The Athena workgroup."""

    def __init__(
        self, name: str, args: HistoryArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("fleetmend:index:History", name, {}, opts)
        self._name, self._args = name, args
        self._child = pulumi.ResourceOptions(parent=self)
        names, tags = naming(args["installation"]), tagging(args["installation"])
        called = history.database(names.project, names.suffix)
        database = aws.glue.CatalogDatabase(
            f"{name}-database",
            name=called,
            description="Reports of compliance",
            tags=tags.tags("glue-database", called),
            opts=self._child,
        )
        days = {
            "projection.dt.type": "date",
            "projection.dt.format": "yyyy-MM-dd",
            "projection.dt.range": f"{FIRST_DAY},NOW",
        }
        everywhere = {
            "projection.account.type": "enum",
            "projection.account.values": _listed(args["accounts"]),
            "projection.region.type": "enum",
            "projection.region.values": ",".join(args["regions"]),
        }
        self._table(
            database, history.FINDINGS_TABLE, history.FINDINGS, history.FINDING_COLUMNS,
            history.FINDING_PARTITIONS, {**days, **everywhere},
        )  # fmt: skip
        self._table(
            database, history.RUNS_TABLE, history.RUNS, history.RUN_COLUMNS,
            history.RUN_PARTITIONS, days,
        )  # fmt: skip
        for word, sql in history.VIEWS.items():
            self._view(database, called, word, sql)
        group = self._workgroup(history.workgroup(names.project, names.suffix))
        for word, question in history.NAMED.items():
            aws.athena.NamedQuery(
                f"{name}-query-{word}",
                name=f"{names.project}-{names.suffix}-{word}",
                description=question.meaning,
                database=database.name,
                workgroup=group.name,
                query=history.whole(question.sql),
                opts=self._child,
            )
        self.database, self.workgroup = database.name, group.name
        self.register_outputs({"database": self.database, "workgroup": self.workgroup})

    def _table(
        self,
        database: aws.glue.CatalogDatabase,
        called: str,
        prefix: str,
        columns: Mapping[str, str],
        partitions: Sequence[str],
        projection: Mapping[str, pulumi.Input[str]],
    ) -> None:
        column = aws.glue.CatalogTableStorageDescriptorColumnArgs
        location = pulumi.Output.concat("s3://", self._args["ledger_name"], "/", prefix)
        aws.glue.CatalogTable(
            f"{self._name}-table-{called.removeprefix('compliance_')}",
            name=called,
            database_name=database.name,
            description="Read it through the views: not every row of it counts",
            table_type="EXTERNAL_TABLE",
            parameters={
                "EXTERNAL": "TRUE",
                "classification": "json",
                "projection.enabled": "true",
                **projection,
            },
            partition_keys=[
                aws.glue.CatalogTablePartitionKeyArgs(name=key, type="string") for key in partitions
            ],
            storage_descriptor=aws.glue.CatalogTableStorageDescriptorArgs(
                location=location,
                input_format=_INPUT,
                output_format=_OUTPUT,
                columns=[column(name=key, type=kind) for key, kind in columns.items()],
                ser_de_info=aws.glue.CatalogTableStorageDescriptorSerDeInfoArgs(
                    serialization_library=_JSON
                ),
            ),
            opts=self._child,
        )

    def _view(self, database: aws.glue.CatalogDatabase, schema: str, word: str, sql: str) -> None:
        """A view as Athena writes it into Glue: the text in Presto's own envelope.

        Athena User Guide, "Work with views": it reads the text and the columns from there, and
        refuses a view whose columns are not what the text gives.
        """
        columns = history.columns_of(word)
        presto = {
            "originalSql": sql,
            "catalog": "awsdatacatalog",
            "schema": schema,
            "columns": [
                {"name": name, "type": "varchar" if kind == "string" else kind}
                for name, kind in columns.items()
            ],
        }
        body = base64.b64encode(json.dumps(presto).encode()).decode()
        column = aws.glue.CatalogTableStorageDescriptorColumnArgs
        aws.glue.CatalogTable(
            f"{self._name}-view-{word}",
            name=word,
            database_name=database.name,
            description="Only what was committed",
            table_type="VIRTUAL_VIEW",
            parameters={"presto_view": "true", "comment": "Presto View"},
            view_original_text=f"/* Presto View: {body} */",
            view_expanded_text="/* Presto View */",
            storage_descriptor=aws.glue.CatalogTableStorageDescriptorArgs(
                columns=[column(name=name, type=kind) for name, kind in columns.items()],
            ),
            opts=self._child,
        )

    def _workgroup(self, called: str) -> aws.athena.Workgroup:
        args = self._args
        configuration = aws.athena.WorkgroupConfigurationArgs
        result = aws.athena.WorkgroupConfigurationResultConfigurationArgs
        encryption = aws.athena.WorkgroupConfigurationResultConfigurationEncryptionConfigurationArgs
        return aws.athena.Workgroup(
            f"{self._name}-workgroup",
            name=called,
            description="Questions about compliance",
            configuration=configuration(
                enforce_workgroup_configuration=True,
                publish_cloudwatch_metrics_enabled=True,
                bytes_scanned_cutoff_per_query=SCAN_LIMIT,
                result_configuration=result(
                    output_location=pulumi.Output.concat(
                        "s3://", args["ledger_name"], "/reports/athena/"
                    ),
                    encryption_configuration=encryption(
                        encryption_option="SSE_KMS", kms_key_arn=args["key_arn"]
                    ),
                ),
            ),
            tags=tagging(args["installation"]).tags("athena-workgroup", called),
            opts=self._child,
        )


def _listed(values: Sequence[pulumi.Input[str]]) -> pulumi.Output[str]:
    first, *others = values
    return pulumi.Output.concat(first, *(part for one in others for part in (",", one)))
