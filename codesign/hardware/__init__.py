"""Which things can be bought or fabricated: dies, memories, links, switches, packages, devices, clusters."""
