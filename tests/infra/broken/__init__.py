"""Small Pulumi programs with one fault each.

Every module has `RULE` and `RESOURCE`, the fault that `check` must name, and
`program(broken=...)`: the same program with the fault and without it.
"""
