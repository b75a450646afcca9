"""An archive in memory, that counts its calls and can end the process at one of them."""


class Killed(BaseException):
    """The process ended: nothing catches it, as nothing catches a kill."""


class MemoryArchive:
    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.calls = 0
        self.kill_at = 0
        self.after = False

    def tick(self, act=lambda: None):
        self.calls += 1
        if self.calls == self.kill_at and not self.after:
            raise Killed
        result = act()
        if self.calls == self.kill_at:
            raise Killed
        return result

    def put(self, key: str, body: bytes, *, once: bool = False) -> bool:
        def act() -> bool:
            if once and key in self.objects:
                return False
            self.objects[key] = body
            return True

        return self.tick(act)

    def get(self, key: str) -> bytes | None:
        return self.tick(lambda: self.objects.get(key))

    def list(self, prefix: str) -> list[str]:
        return self.tick(lambda: sorted(key for key in self.objects if key.startswith(prefix)))
