"""How is the work laid over the devices: degrees, lattice, placement, traffic, schedule?"""
