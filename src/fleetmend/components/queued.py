"""What every controller that a queue wakes tells about itself."""

import pulumi

from fleetmend.components.controller import Controller


class Queued(pulumi.ComponentResource):
    """A concern's controller that events, a schedule and operators wake through one queue.

    The component makes its `Controller`, hands it to `_tell`, and has these outputs.
    """

    function_name: pulumi.Output[str]
    """The function's name."""
    function_arn: pulumi.Output[str]
    """The function's ARN."""
    alias_arn: pulumi.Output[str]
    """The alias that the schedule and the queue call."""
    role_name: pulumi.Output[str]
    """The execution role's name."""
    role_arn: pulumi.Output[str]
    """The execution role's ARN."""
    log_group_name: pulumi.Output[str]
    """Where it logs."""
    queue_url: pulumi.Output[str]
    """The queue that events, wake-ups and operators' messages go to."""
    queue_arn: pulumi.Output[str]
    """That queue's ARN."""
    dead_letters_url: pulumi.Output[str]
    """Messages that kept failing."""
    undelivered_url: pulumi.Output[str]
    """Events, schedules and calls that could not be handed over."""
    rule_arn: pulumi.Output[str]
    """The EventBridge rule."""
    schedule_arn: pulumi.Output[str]
    """The sweep's schedule."""
    alarm_arns: pulumi.Output[list[str]]
    """Its alarms."""

    def _tell(self, controller: Controller) -> None:
        self.function_name, self.function_arn = controller.function_name, controller.function_arn
        self.alias_arn = controller.alias_arn
        self.role_name, self.role_arn = controller.role_name, controller.role_arn
        self.log_group_name = controller.log_group_name
        self.queue_url, self.queue_arn = controller.queue_url, controller.queue_arn
        self.dead_letters_url = controller.dead_letters_url
        self.undelivered_url = controller.undelivered_url
        self.rule_arn, self.schedule_arn = controller.rule_arn, controller.schedule_arn
        self.alarm_arns = controller.alarm_arns
        self.register_outputs({"functionArn": self.function_arn, "queueUrl": self.queue_url})
