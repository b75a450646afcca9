"""Recovery's seeded histories with types that have no capacity, and instances that list others.

Replay one, with its timeline: `.venv/bin/python -m tests.scenarios.swarm_types SEED`.
"""

from random import Random

from fleetmend.lab.scenario import Fleet, Installed, Instances, Scenario, Step
from fleetmend.lab.vocabulary import fleet
from tests.scenarios import swarm
from tests.scenarios.points import TYPES
from tests.scenarios.swarm import QUICK, TROUBLE_UNTIL, replay

LISTS = ("m6i.large m5a.large", "m6g.large m6i.large", "m6i.large", "large")
CHANGING = {**QUICK, "types_tag": TYPES, "types_wait": 45.0}


def scenario(seed: int) -> Scenario:
    """The swarm's history of that seed, where one to three types are dry for a while."""
    random, usual = Random(f"swarm/types/{seed}"), swarm.scenario(seed)
    parts = tuple(_typed(random, part) for part in usual.fleet.instances)
    kinds = ["m5.large", *random.sample(["m6i.large", "m5a.large"], random.randint(0, 2))]
    dry = [
        Step(0.0, fleet.NoCapacity(type=kind, span=random.uniform(200.0, TROUBLE_UNTIL)))
        for kind in kinds
    ]
    timeline = (*dry, *usual.timeline)
    return usual.model_copy(
        update={
            "name": f"swarm of types {seed}",
            "fleet": Fleet(instances=parts, groups=usual.fleet.groups),
            "settings": Installed(recovery=CHANGING),
            "timeline": tuple(sorted(timeline, key=lambda step: step.at)),
        }
    )


def _typed(random: Random, part: Instances) -> Instances:
    if part.name != "api":
        return part
    tags = {**part.tags, TYPES: random.choice(LISTS)}
    return part.model_copy(update={"type": "m5.large", "tags": tags})


if __name__ == "__main__":
    replay(scenario)
