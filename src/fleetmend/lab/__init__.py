"""Two worlds for one scenario file: the simulation and the emulated AWS."""
