"""What all tests share: no property fails because the machine is busy."""

import os

from hypothesis import HealthCheck, settings

settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
if not os.environ.get("CI"):  # there Hypothesis loads a profile of its own, which replays exactly
    settings.load_profile("any machine")
