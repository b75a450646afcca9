"""A small account behind real boto3 clients: S3's model, a dictionary of instances, two lists."""

from datetime import UTC, datetime, timedelta
from itertools import count
from types import SimpleNamespace

from botocore import xform_name

from fleetmend.aws import clients
from fleetmend.core.record_json import decode, encode
from fleetmend.lab.sim import wire
from fleetmend.lab.sim.replies import AwsError, NoAnswer
from fleetmend.lab.sim.s3 import S3
from fleetmend.lambdas.settings import Settings
from fleetmend.lambdas.wiring import World

EPOCH = datetime(2030, 1, 1, tzinfo=UTC)
TOPIC = "arn:aws:sns:us-east-1:123456789012:alerts"
QUEUE = "https://sqs.us-east-1.amazonaws.com/123456789012/q"
SETTINGS = Settings("recovery", "fm", "dev", "ledger", QUEUE, TOPIC)


class Account:
    """Instances are `id → state`; `refusals` maps (service, operation) to an error code."""

    def __init__(self, **instances):
        self.time = SimpleNamespace(now=100.0)
        self.bucket = S3(self.time, EPOCH, "ledger")
        self.instances = {name.replace("_", "-"): state for name, state in instances.items()}
        self.parameters = {
            "/fm/dev/mode/all": "act",
            "/fm/dev/mode/recovery": "act",
            "/fm/dev/recovery/policy": "{}",
            "/fm/dev/recovery/overrides": "{}",
        }
        self.written = {}
        self.refusals, self.calls, self.published, self.woken = {}, [], [], []
        self._nonces = (f"nonce-{n}" for n in count())

    def world(self):
        return World(
            client=lambda service: clients.client(service, wire.container("us-east-1", 7)),
            clock=lambda: EPOCH + timedelta(seconds=self.time.now),
            nonce=lambda: next(self._nonces),
            parallel=lambda function, items: [function(item) for item in items],
        )

    def connected(self):
        wire.container("us-east-1", 7).fresh()
        return wire.connected(self.serve, lambda _: None, seed=1)

    def record(self, subject, prefix=""):
        key = f"{prefix}records/recovery/{subject}.json"
        return decode(self.bucket.objects[key].body) if key in self.bucket.objects else None

    def put(self, record):
        self.bucket.replace(f"records/recovery/{record.subject}.json", encode(record))

    def report(self, run):
        return self.bucket.objects[f"runs/recovery/{run}.json"].body

    def count(self, operation):
        return sum(called == operation for _, called in self.calls)

    def serve(self, service, operation, params, _read):
        self.calls.append((service, operation))
        code = self.refusals.get((service, operation)) or self.refusals.get(service)
        if code == "lost":
            raise NoAnswer(timed_out=True)
        if code:
            raise AwsError(code)
        if service == "s3":
            return self.bucket.handle(operation, params)
        return getattr(self, f"_{xform_name(operation)}")(params)

    def _describe_instances(self, params):
        wanted = {f["Name"]: f["Values"] for f in params["Filters"]}
        ids = wanted.get("instance-id", list(self.instances))
        states = wanted.get("instance-state-name")
        items = [
            {
                "InstanceId": name,
                "State": {"Name": state},
                "InstanceType": "m5.large",
                "Placement": {"AvailabilityZone": "us-east-1a"},
                "Tags": [{"Key": "Auto-Recover", "Value": "true"}],
            }
            for name, state in self.instances.items()
            if name in ids and (states is None or state in states)
        ]
        return {"Reservations": [{"Instances": items}]}

    def _describe_instance_status(self, params):
        ok = {"SystemStatus": {"Status": "ok"}, "InstanceStatus": {"Status": "ok"}}
        return {"InstanceStatuses": [{"InstanceId": name, **ok} for name in params["InstanceIds"]]}

    def _start_instances(self, params):
        for name in params["InstanceIds"]:
            self.instances[name] = "pending"
        return {"StartingInstances": [{"InstanceId": name} for name in params["InstanceIds"]]}

    def _get_parameters(self, params):
        known = {name: self.parameters.get(name) for name in params["Names"]}
        return {
            "Parameters": [
                {"Name": n, "Value": v, "LastModifiedDate": self.written.get(n, EPOCH)}
                for n, v in known.items()
                if v is not None
            ],
            "InvalidParameters": [n for n, v in known.items() if v is None],
        }

    def _put_parameter(self, params):
        name = params["Name"]
        if name in self.parameters and not params["Overwrite"]:
            raise AwsError("ParameterAlreadyExists")
        self.parameters[name] = params["Value"]
        self.written[name] = EPOCH + timedelta(seconds=self.time.now)
        return {"Version": 1}

    def _publish(self, params):
        self.published.append(params)
        return {"MessageId": f"m-{len(self.published)}"}

    def _send_message_batch(self, params):
        self.woken.extend(entry["MessageBody"] for entry in params["Entries"])
        return {"Successful": [], "Failed": []}


class Context:
    """Lambda's context object."""

    aws_request_id = "request-1"
    function_name = "f"
    memory_limit_in_mb = 256
    invoked_function_arn = "arn:aws:lambda:us-east-1:123456789012:function:f"

    def __init__(self, seconds=60.0):
        self.seconds = seconds

    def get_remaining_time_in_millis(self):
        return int(self.seconds * 1000)
