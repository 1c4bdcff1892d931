"""Does MixNet's performance per dollar come out of the model (arXiv 2501.03905), with its baselines, limits and sensitivities?

Rows F1 to F53 are the oracles of costs, counts, collectives, circuits, delays, failures and
bandwidth splits; T the step times of regional circuits, rail-optimised Clos and TopoOpt over the
fat-tree's; B what the paper leaves out.
"""

import sys

import jax
from claim import Row, parser, show
from mixnet_beyond import beyond_rows
from mixnet_circuits import circuit_rows
from mixnet_collectives import collective_rows
from mixnet_counts import count_rows
from mixnet_limits import delay_rows, failure_rows, oversubscription_rows, scale_rows, scale_up_rows
from mixnet_splits import split_rows
from mixnet_times import performance_rows, time_rows

ASSUMPTIONS = [
    "prices of arXiv 2501.03905 Table 4, 150 $ per fibre, only ports in use charged, three-tier counts (F10, F11: others)",
    "step times: Megatron-LM of 2021 on the simulated A100s, nothing overlapped, experts as tensor-parallel as attention, 8 micro-batches",
    "EP is carved out of DP: ranks = dp tp pp cp",
    "expert traffic: the public token matrix, repeated with the sums of rows kept for more than 8 ranks (two servers then share it evenly)",
    "circuits: six of eight ports, greedy; a pair with circuits uses them alone; gathered and scattered piece by piece",
    "25 ms to rearrange, started ahead on predicted demand; left as they were where that is faster (the same demand, servers permuted)",
    "rows T and *.fitted: bytes of an all-to-all fitted per model to the fat-tree's published times; T0 and F34 to F37: our own, unfitted",
    "TopoOpt: one topology for the job, mean hops of a circulant of all servers; a hot server's links also carry bytes in transit",
    "rail-optimised: changing rails inside the pod overlaps with sending; collisions of hashed routes are modelled in no fabric",
    "F41: one pipeline stage is hit; a lost device's group reaches the spare one over all ports of the server",
    "F42: the stack of the machine (Megatron-Core, nothing overlapped), every copy of a token sent on its own",
]


def rows() -> list[Row]:
    """Every row."""
    found = [*count_rows(), *collective_rows(), *circuit_rows(), *delay_rows(), *performance_rows(), *oversubscription_rows()]
    return [*found, *scale_rows(), *failure_rows(), *scale_up_rows(), *split_rows(), *time_rows(), *beyond_rows()]


def main() -> int:
    """Print the claim."""
    arguments = parser(__doc__.splitlines()[0]).parse_args()
    jax.config.update("jax_enable_x64", True)
    return show("MixNet: a regionally reconfigurable optical-electrical fabric", rows(), ASSUMPTIONS, arguments.json)


if __name__ == "__main__":
    sys.exit(main())
