"""What do studies that vary the flagship start from?"""

BASE = """\
system = "passage"
workload = "passage_4.7t"
objectives = ["time_to_train", "energy_to_train", "capital_cost"]

[mapping]
schedule = "full"
dp = 256
tp = 16
pp = 8
ep = 32
etp = 16
micro_batch = 1
"""
"""All of a study file but its title, its choices and its variables."""
