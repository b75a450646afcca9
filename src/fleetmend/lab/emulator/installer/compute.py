"""Roles, functions, their logs and alarms."""

from fleetmend.lab.emulator.installer.registry import Inputs, Outputs, Session, creates, pascal
from fleetmend.lab.emulator.untyped import Untyped, fields


@creates("aws:iam/role:Role")
def role(session: Session, inputs: Inputs) -> Outputs:
    """A role."""
    iam = session.client("iam")
    name = inputs.name()
    made = iam.create_role(
        RoleName=name,
        AssumeRolePolicyDocument=inputs["assumeRolePolicy"],
        Tags=inputs.tag_list(),
        **inputs.pick(
            Description="description",
            Path="path",
            PermissionsBoundary="permissionsBoundary",
            MaxSessionDuration="maxSessionDuration",
        ),
    )["Role"]
    for policy in inputs.get("inlinePolicies") or ():
        iam.put_role_policy(
            RoleName=name, PolicyName=policy["name"], PolicyDocument=policy["policy"]
        )
    for arn in inputs.get("managedPolicyArns") or ():
        iam.attach_role_policy(RoleName=name, PolicyArn=arn)
    return {"id": name, "name": name, "arn": made["Arn"], "uniqueId": made["RoleId"]}


@creates("aws:iam/policy:Policy")
def policy(session: Session, inputs: Inputs) -> Outputs:
    """A managed policy."""
    name = inputs.name(limit=128)
    made = session.client("iam").create_policy(
        PolicyName=name,
        PolicyDocument=inputs["policy"],
        Tags=inputs.tag_list(),
        **inputs.pick(Description="description", Path="path"),
    )["Policy"]
    return {"id": made["Arn"], "arn": made["Arn"], "name": name}


@creates("aws:iam/rolePolicy:RolePolicy")
def role_policy(session: Session, inputs: Inputs) -> Outputs:
    """A policy inside a role."""
    name = inputs.name(limit=128)
    session.client("iam").put_role_policy(
        RoleName=inputs["role"], PolicyName=name, PolicyDocument=inputs["policy"]
    )
    return {"id": f"{inputs['role']}:{name}", "name": name}


@creates("aws:iam/rolePolicyAttachment:RolePolicyAttachment")
def attachment(session: Session, inputs: Inputs) -> Outputs:
    """A managed policy given to a role."""
    session.client("iam").attach_role_policy(RoleName=inputs["role"], PolicyArn=inputs["policyArn"])
    return {"id": f"{inputs['role']}/{inputs['policyArn']}"}


@creates("aws:lambda/function:Function")
def function(session: Session, inputs: Inputs) -> Outputs:
    """A function from the artifact, told where the emulators are and what to call itself.

    The SDK application id in its environment is how the gateways know who calls: without AUTH
    all functions share the account's credentials.
    """
    lambda_ = session.client("lambda")
    name = inputs.name()
    variables = dict(fields(fields(inputs.get("environment")).get("variables")))
    variables |= {**session.environment, "AWS_SDK_UA_APP_ID": name[:50]}
    given = inputs.pick(
        Architectures="architectures",
        Description="description",
        Handler="handler",
        KMSKeyArn="kmsKeyArn",
        MemorySize="memorySize",
        Role="role",
        Runtime="runtime",
        Timeout="timeout",
    )
    for shown, key in (
        ("DeadLetterConfig", "deadLetterConfig"),
        ("TracingConfig", "tracingConfig"),
        ("EphemeralStorage", "ephemeralStorage"),
        ("LoggingConfig", "loggingConfig"),
    ):
        if key in inputs:
            given[shown] = pascal(inputs[key])
    inputs.pick(code="code", hash="sourceCodeHash", sha="codeSha256")  # the artifact is the code
    made = lambda_.create_function(
        FunctionName=name,
        Code={"ZipFile": session.artifact.read_bytes()},
        Environment={"Variables": {key: str(value) for key, value in variables.items()}},
        Publish=bool(inputs.get("publish", False)),
        Tags=inputs.tags(),
        **{key: int(v) if key in {"MemorySize", "Timeout"} else v for key, v in given.items()},
    )
    reserved = int(inputs.get("reservedConcurrentExecutions", -1))
    if reserved >= 0:
        lambda_.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=reserved)
    arn = session.arn("lambda", f"function:{name}")
    version = made.get("Version", "$LATEST")
    return {
        "id": name,
        "name": name,
        "arn": arn,
        "version": version,
        "qualifiedArn": f"{arn}:{version}",
        "invokeArn": f"arn:aws:apigateway:{session.region}:lambda:path/2015-03-31/functions/{arn}"
        "/invocations",
    }


@creates("aws:lambda/alias:Alias")
def alias(session: Session, inputs: Inputs) -> Outputs:
    """A name for a version."""
    made = session.client("lambda").create_alias(
        FunctionName=inputs["functionName"],
        Name=inputs["name"],
        FunctionVersion=str(inputs["functionVersion"]),
        **inputs.pick(Description="description"),
    )
    return {"id": made["AliasArn"], "arn": made["AliasArn"], "name": inputs["name"]}


@creates("aws:lambda/permission:Permission")
def permission(session: Session, inputs: Inputs) -> Outputs:
    """Who may call a function."""
    statement = inputs.name("statementId", limit=100)
    session.client("lambda").add_permission(
        FunctionName=inputs["function"],
        StatementId=statement,
        **inputs.pick(
            Action="action",
            Principal="principal",
            SourceArn="sourceArn",
            SourceAccount="sourceAccount",
            Qualifier="qualifier",
        ),
    )
    return {"id": statement}


@creates("aws:lambda/eventSourceMapping:EventSourceMapping")
def mapping(session: Session, inputs: Inputs) -> Outputs:
    """What a function is fed from. MiniStack hands over at most 10 messages, without a window."""
    window = session.faster(inputs.get("maximumBatchingWindowInSeconds", 0))
    given = inputs.pick(
        EventSourceArn="eventSourceArn",
        FunctionName="functionName",
        FunctionResponseTypes="functionResponseTypes",
    )
    for shown, key in (("ScalingConfig", "scalingConfig"), ("FilterCriteria", "filterCriteria")):
        if key in inputs:
            given[shown] = _whole(pascal(inputs[key]))
    made = session.client("lambda").create_event_source_mapping(
        BatchSize=int(inputs.get("batchSize", 10)),
        Enabled=bool(inputs.get("enabled", True)),
        MaximumBatchingWindowInSeconds=window,
        **given,
    )
    return {"id": made["UUID"], "uuid": made["UUID"], "arn": made.get("EventSourceMappingArn", "")}


def _whole(value: Untyped) -> Untyped:
    """Pulumi knows only floating numbers, boto3 wants whole ones."""
    if isinstance(value, dict):
        return {key: _whole(item) for key, item in fields(value).items()}
    return int(value) if isinstance(value, float) and value.is_integer() else value


@creates("aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig")
def invoke_config(session: Session, inputs: Inputs) -> Outputs:
    """How often a call without waiting is tried again, and where failures go."""
    given = inputs.pick(
        Qualifier="qualifier",
        MaximumRetryAttempts="maximumRetryAttempts",
        MaximumEventAgeInSeconds="maximumEventAgeInSeconds",
    )
    if "destinationConfig" in inputs:
        given["DestinationConfig"] = pascal(inputs["destinationConfig"])
    session.client("lambda").put_function_event_invoke_config(
        FunctionName=inputs["functionName"], **_whole(given)
    )
    return {"id": inputs["functionName"]}


@creates("aws:cloudwatch/logGroup:LogGroup")
def log_group(session: Session, inputs: Inputs) -> Outputs:
    """A log group."""
    logs = session.client("logs")
    name = inputs.name(limit=512)
    logs.create_log_group(logGroupName=name, tags=inputs.tags(), **inputs.pick(kmsKeyId="kmsKeyId"))
    if inputs.get("retentionInDays"):
        days = int(inputs["retentionInDays"])
        logs.put_retention_policy(logGroupName=name, retentionInDays=days)
    return {"id": name, "name": name, "arn": session.arn("logs", f"log-group:{name}")}


@creates("aws:cloudwatch/logMetricFilter:LogMetricFilter")
def metric_filter(session: Session, inputs: Inputs) -> Outputs:
    """A metric counted from logs."""
    name = inputs.name(limit=512)
    given = inputs["metricTransformation"]
    transformation = {
        "metricName": given["name"],
        "metricNamespace": given["namespace"],
        "metricValue": str(given["value"]),
    }
    session.client("logs").put_metric_filter(
        logGroupName=inputs["logGroupName"],
        filterName=name,
        filterPattern=inputs["pattern"],
        metricTransformations=[transformation],
    )
    return {"id": name, "name": name}


@creates("aws:cloudwatch/metricAlarm:MetricAlarm")
def alarm(session: Session, inputs: Inputs) -> Outputs:
    """An alarm on a metric; its periods stay as they are."""
    name = inputs.name(limit=255)
    given = inputs.pick(
        ActionsEnabled="actionsEnabled",
        AlarmActions="alarmActions",
        AlarmDescription="alarmDescription",
        ComparisonOperator="comparisonOperator",
        DatapointsToAlarm="datapointsToAlarm",
        Dimensions="dimensions",
        EvaluationPeriods="evaluationPeriods",
        ExtendedStatistic="extendedStatistic",
        InsufficientDataActions="insufficientDataActions",
        MetricName="metricName",
        Namespace="namespace",
        OKActions="okActions",
        Period="period",
        Statistic="statistic",
        Threshold="threshold",
        TreatMissingData="treatMissingData",
        Unit="unit",
    )
    for key in ("DatapointsToAlarm", "EvaluationPeriods", "Period"):
        if key in given:
            given[key] = int(given[key])
    if "Dimensions" in given:
        pairs: dict[str, Untyped] = given["Dimensions"]
        given["Dimensions"] = [{"Name": k, "Value": v} for k, v in pairs.items()]
    if "metricQueries" in inputs:
        given["Metrics"] = [_metric_query(query) for query in inputs["metricQueries"]]
    session.client("cloudwatch").put_metric_alarm(AlarmName=name, Tags=inputs.tag_list(), **given)
    arn = session.arn("cloudwatch", f"alarm:{name}")
    return {"id": name, "name": name, "arn": arn}


def _metric_query(query: Untyped) -> Untyped:
    made = _whole(pascal({k: v for k, v in query.items() if k != "metric"}))
    if metric := query.get("metric"):
        names = {
            "Namespace": metric.get("namespace"),
            "MetricName": metric["metricName"],
            "Dimensions": [
                {"Name": k, "Value": v} for k, v in fields(metric.get("dimensions")).items()
            ],
        }
        period = int(metric["period"])
        made["MetricStat"] = {"Metric": names, "Period": period, "Stat": metric["stat"]}
    return made
