"""Text with wildcards, as IAM matches it: `*` is any run of characters, `?` is one.

See https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html
"""

import re
from dataclasses import dataclass
from functools import lru_cache


@dataclass(frozen=True, slots=True)
class Part:
    """One step of a pattern: the characters it takes, once or any number of times.

    `only` is the one character it takes, or None for any that is not in `never`.
    """

    only: str | None = None
    never: str = ""
    many: bool = False

    def meets(self, other: "Part") -> bool:
        """Whether some character fits both."""
        if self.only is None and other.only is None:
            return True
        if self.only is not None and other.only is not None:
            return self.only == other.only
        one, any_of = (self, other) if self.only is not None else (other, self)
        return one.only not in tuple(any_of.never)


def parts(glob: str) -> tuple[Part, ...]:
    """The parts of a text with `*` and `?` in it."""
    kinds = {"*": Part(many=True), "?": Part()}
    return tuple(kinds.get(char) or Part(only=char) for char in glob)


def has_wildcard(text: str) -> bool:
    """Whether the text holds `*` or `?`; policy variables such as `${aws:userid}` do not count."""
    return bool(re.search(r"[*?]", text))


@lru_cache(maxsize=4096)
def matches(glob: str, text: str, *, ignore_case: bool = False) -> bool:
    """Whether `text`, taken literally, is one of those that `glob` stands for."""
    pattern = "".join({"*": ".*", "?": "."}.get(char) or re.escape(char) for char in glob)
    flags = re.DOTALL | (re.IGNORECASE if ignore_case else 0)
    return re.fullmatch(pattern, text, flags) is not None


def intersect(left: tuple[Part, ...], right: tuple[Part, ...]) -> bool:
    """Whether one text fits both patterns; costs their lengths multiplied."""
    reached = _skips({(0, 0)}, left, right)
    seen = set(reached)
    while reached:
        if (len(left), len(right)) in seen:
            return True
        following: set[tuple[int, int]] = set()
        for i, j in reached:
            if i < len(left) and j < len(right) and left[i].meets(right[j]):
                following.add((i if left[i].many else i + 1, j if right[j].many else j + 1))
        reached = _skips(following, left, right) - seen
        seen |= reached
    return False


def _skips(
    places: set[tuple[int, int]], left: tuple[Part, ...], right: tuple[Part, ...]
) -> set[tuple[int, int]]:
    """`places`, and those reached by letting a `*` stand for nothing."""
    waiting, found = list(places), set(places)
    while waiting:
        i, j = waiting.pop()
        onward: list[tuple[int, int]] = []
        if i < len(left) and left[i].many:
            onward.append((i + 1, j))
        if j < len(right) and right[j].many:
            onward.append((i, j + 1))
        for place in onward:
            if place not in found:
                found.add(place)
                waiting.append(place)
    return found
