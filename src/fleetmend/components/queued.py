"""What every controller that a queue wakes tells about itself."""

import pulumi

from fleetmend.components.controller import Controller
from fleetmend.components.function import Function


class Queued(Function):
    """A concern's controller that events, a schedule and operators wake through one queue.

    The component makes its `Controller`, hands it to `_tell_queued`, and has these outputs.
    """

    queue_url: pulumi.Output[str]
    """The queue that events, wake-ups and operators' messages go to."""
    queue_arn: pulumi.Output[str]
    """That queue's ARN."""
    dead_letters_url: pulumi.Output[str]
    """Messages that kept failing."""
    rule_arn: pulumi.Output[str]
    """The EventBridge rule."""

    def _tell_queued(self, controller: Controller) -> None:
        self._tell(controller)
        self.queue_url, self.queue_arn = controller.queue_url, controller.queue_arn
        self.dead_letters_url = controller.dead_letters_url
        self.rule_arn = controller.rule_arn
        self.register_outputs({"functionArn": self.function_arn, "queueUrl": self.queue_url})
