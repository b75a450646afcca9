"""Rules that no program in tests/infra/broken shows: each with its fault, and without it."""

import json

from tests.unit.deploy.check.cases_parts import (
    DATA,
    EVERYBODY,
    FUNCTION,
    LETTERS,
    LISTENER,
    LOGS,
    OLD,
    OWN,
    QUEUE_ARN,
    TAGS,
    TEMPLATE,
    VERSIONING,
    WORKER,
    Case,
    alarm,
    attached,
    function,
    lifecycle,
    policy_of,
    queue,
    schedule,
    source,
    subscription,
    target,
)
from tests.unit.deploy.check.graphs import ACCOUNT, allow, document, identity, node, ref

CASES = [
    Case(
        "iam-create-log-group",
        [identity(allow("logs:CreateLogGroup", on="arn:aws:logs:us-east-1:1:log-group:x"))],
        [identity(allow("logs:CreateLogStream", on="arn:aws:logs:us-east-1:1:log-group:x:*"))],
        "policy",
    ),
    Case(
        "iam-malformed",
        [
            node(
                "aws:iam/policy:Policy",
                "policy",
                {"policy": '{"Statement": [{"Effect": "allow"}]}'},
            )
        ],
        [identity(allow("sqs:SendMessage", on=QUEUE_ARN))],
        "policy",
    ),
    Case(
        "iam-malformed",
        [node("aws:iam/policy:Policy", "policy", {"policy": "{"})],
        [identity()],
        "policy",
    ),
    Case(
        "iam-managed-policy",
        [attached("arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore")],
        [attached(f"arn:aws:iam::{ACCOUNT}:policy/own")],
        "attached",
    ),
    Case(
        "iam-name-prefix",
        [identity(allow("sqs:SendMessage", on=f"{QUEUE_ARN}*"))],
        [identity(allow("sqs:SendMessage", on=QUEUE_ARN))],
        "policy",
    ),
    Case(
        "iam-not-action",
        [identity({"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"})],
        [identity({"Effect": "Deny", "NotAction": "iam:*", "Resource": "*"})],
        "policy",
    ),
    Case(
        "iam-public-policy",
        [LETTERS, policy_of(LETTERS, EVERYBODY)],
        [LETTERS, policy_of(LETTERS, EVERYBODY | OWN)],
        "guard",
    ),
    Case(
        "net-flow-log",
        [node("aws:ec2/vpc:Vpc", "vpc")],
        [
            vpc := node("aws:ec2/vpc:Vpc", "vpc"),
            node("aws:ec2/flowLog:FlowLog", "log", {"vpcId": ref(vpc, "id")}),
        ],
        "vpc",
    ),
    Case(
        "net-plain-listener",
        [node(LISTENER, "listener", {"protocol": "HTTP", "defaultActions": [{"type": "forward"}]})],
        [
            node(
                LISTENER, "listener", {"protocol": "HTTP", "defaultActions": [{"type": "redirect"}]}
            )
        ],
        "listener",
    ),
    Case(
        "net-plain-listener",
        [
            node(
                LISTENER,
                "listener",
                {"protocol": "HTTPS", "sslPolicy": "ELBSecurityPolicy-2016-08"},
            )
        ],
        [
            node(
                LISTENER,
                "listener",
                {"protocol": "HTTPS", "sslPolicy": "ELBSecurityPolicy-TLS13-1-2-2021-06"},
            )
        ],
        "listener",
    ),
    Case(
        "net-ssh-key",
        [node(TEMPLATE, "template", {"keyName": "mine"})],
        [node(TEMPLATE, "template")],
        "template",
    ),
    Case(
        "net-public-instance",
        [node(TEMPLATE, "t", {"networkInterfaces": [{"associatePublicIpAddress": "true"}]})],
        [node(TEMPLATE, "t", {"networkInterfaces": [{"associatePublicIpAddress": "false"}]})],
        "t",
    ),
    Case(
        "storage-key-rotation",
        [node("aws:kms/key:Key", "key")],
        [node("aws:kms/key:Key", "key", {"enableKeyRotation": True})],
        "key",
    ),
    Case(
        "storage-lifecycle",
        [DATA, VERSIONING, lifecycle(DATA, OLD)],
        [DATA, VERSIONING, lifecycle(DATA, OLD, after=(VERSIONING.urn,))],
        "lifecycle",
    ),
    Case(
        "storage-lifecycle",
        [DATA, lifecycle(DATA, {"id": "all", "expiration": {"days": 1}})],
        [DATA, lifecycle(DATA, {"filter": {"prefix": ""}, "expiration": {"days": 1}})],
        "lifecycle",
    ),
    Case(
        "storage-plain-transport",
        [DATA],
        [
            DATA,
            node(
                "aws:s3/bucketPolicy:BucketPolicy",
                "guard",
                {
                    "bucket": "data",
                    "policy": document(
                        {
                            "Effect": "Deny",
                            "Principal": "*",
                            "Action": "s3:*",
                            "Resource": [ref(DATA)],
                            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
                        }
                    ),
                },
            ),
        ],
        "data",
    ),
    Case(
        "function-async-dead-letter",
        [WORKER, schedule(WORKER)],
        [function(deadLetterConfig={"targetArn": ref(LETTERS)}), LETTERS, schedule(WORKER)],
        "worker",
    ),
    Case(
        "function-log-order",
        [WORKER, LOGS],
        [
            node(FUNCTION, "worker", {"name": "worker"}, dependencies=(LOGS.urn,)),
            LOGS,
        ],
        "worker",
    ),
    Case(
        "function-partial-batch",
        [WORKER, LETTERS, source(WORKER, LETTERS)],
        [
            WORKER,
            LETTERS,
            source(WORKER, LETTERS, functionResponseTypes=["ReportBatchItemFailures"]),
        ],
        "mapping",
    ),
    Case(
        "function-rule-dead-letter",
        [WORKER, target(WORKER)],
        [WORKER, LETTERS, target(WORKER, deadLetterConfig={"arn": ref(LETTERS)})],
        "target",
    ),
    Case(
        "function-runtime",
        [function(runtime="python3.9")],
        [function(runtime="python3.13")],
        "worker",
    ),
    Case(
        "function-schedule-dead-letter",
        [WORKER, schedule(WORKER)],
        [WORKER, LETTERS, schedule(WORKER, deadLetterConfig={"arn": ref(LETTERS)})],
        "schedule",
    ),
    Case(
        "function-subscription-redrive",
        [LETTERS, subscription(LETTERS)],
        [LETTERS, subscription(LETTERS, redrivePolicy='{"deadLetterTargetArn": "x"}')],
        "subscription",
    ),
    Case(
        "function-unpublished",
        [WORKER, LETTERS, source(WORKER, LETTERS)],
        [
            WORKER,
            LETTERS,
            live := node("aws:lambda/alias:Alias", "live", {"functionName": ref(WORKER, "name")}),
            source(live, LETTERS),
        ],
        "mapping",
    ),
    Case(
        "function-visibility",
        [WORKER, queue(visibilityTimeoutSeconds=359), source(WORKER, queue())],
        [WORKER, queue(visibilityTimeoutSeconds=360), source(WORKER, queue())],
        "queue",
    ),
    Case(
        "alarm-dead-letters",
        [LETTERS, queue(redrivePolicy=json.dumps({"deadLetterTargetArn": ref(LETTERS)}))],
        [
            LETTERS,
            queue(redrivePolicy=json.dumps({"deadLetterTargetArn": ref(LETTERS)})),
            alarm(
                namespace="AWS/SQS",
                metricName="ApproximateNumberOfMessagesVisible",
                dimensions={"QueueName": "letters"},
            ),
        ],
        "letters",
    ),
    Case(
        "alarm-missing-data",
        [alarm()],
        [alarm(treatMissingData="breaching")],
        "alarm",
    ),
    Case("alarm-silent", [alarm(alarmActions=[])], [alarm()], "alarm"),
    Case(
        "tag-launch-template",
        [
            node(
                TEMPLATE,
                "template",
                {"tagSpecifications": [{"resourceType": "instance", "tags": TAGS}]},
            )
        ],
        [
            node(
                TEMPLATE,
                "template",
                {
                    "tagSpecifications": [
                        {"resourceType": kind, "tags": TAGS} for kind in ("instance", "volume")
                    ]
                },
            )
        ],
        "template",
    ),
    Case(
        "secret-environment",
        [function(environment={"variables": {"DB_PASSWORD": "hunter2"}})],
        [function(environment={"variables": {"DB_SECRET_ARN": "arn:aws:x:y:1:z", "LEVEL": "1"}})],
        "worker",
    ),
    Case(
        "secret-in-clear",
        [function(description="uses AKIAIOSFODNN7EXAMPLE")],
        [function(description="uses its role")],
        "worker",
    ),
    Case(
        "iam-wide-arn",
        [identity(allow("sqs:SendMessage", on=f"arn:aws:sqs:*:{ACCOUNT}:alerts"))],
        [identity(allow("sqs:SendMessage", on=f"arn:aws:sqs:us-east-1:{ACCOUNT}:alerts"))],
        "policy",
    ),
    Case(
        "iam-unguarded",
        [identity(allow("kms:Decrypt", on=f"arn:aws:kms:us-east-1:{ACCOUNT}:key/1"))],
        [
            identity(
                allow(
                    "kms:Decrypt",
                    on=f"arn:aws:kms:us-east-1:{ACCOUNT}:key/1",
                    when={"StringEquals": {"kms:ViaService": "s3.us-east-1.amazonaws.com"}},
                )
            )
        ],
        "policy",
    ),
    Case(
        "iam-unsupported-condition",
        [
            identity(
                allow(
                    "sqs:SendMessage",
                    on=QUEUE_ARN,
                    when={"ArnEquals": {"aws:SourceArn": "arn:aws:events:us-east-1:1:rule/x"}},
                )
            )
        ],
        [
            identity(
                allow(
                    "sqs:SendMessage",
                    on=QUEUE_ARN,
                    when={"StringEquals": {"aws:ResourceTag/Environment": "dev"}},
                )
            )
        ],
        "policy",
    ),
]
