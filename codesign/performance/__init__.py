"""How long and how much memory: rooflines, collectives, footprint, and the step they sum to."""
