"""The emulator world: AWS on loopback, the real artifact in it, and the faults it lacks."""
