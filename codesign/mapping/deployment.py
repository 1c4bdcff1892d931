"""How is a model laid over the devices that serve it?

A unit of ep x etp devices holds one copy of the model: its experts are spread over ep groups of etp ranks, its
attention is repeated in ep etp / tp groups of tp ranks, each with sequences of its own. EP is therefore carved out of
data parallelism, as in training: it divides experts, not routed activations. Units are never cut into stages.
"""

import equinox as eqx

from codesign.fields import Scalar, quantity


class ServingSchedule(eqx.Module):
    """What runs at once in serving, and what is counted."""

    kernel_detail: Scalar = quantity("1", "1 counts tiles, waves and kernel starts, 0 a roofline alone", high=1)
    host_time: Scalar = quantity("us", "time between two steps: scheduling, sampling", high=1e6)
    deduplicate: Scalar = quantity("1", "1: a token goes once to a rank that holds several of its experts", high=1)
    placement_skew: Scalar = quantity("1", "load of the busiest expert rank over the mean, experts placed by load", low=1, high=64)
    sequence_balance: Scalar = quantity("1", "share of the unevenness of contexts among attention groups that is evened out", high=1)
    fusion: Scalar = quantity("1", "1 runs computing, streaming and exchange of all operators of a step at the same time", high=1)
    fusion_efficiency: Scalar = quantity("1", "share of every resource that fused operators sustain", low=0.1, high=1)


class Pool(eqx.Module):
    """One unit of devices that decode, or that read prompts."""

    ep: Scalar = quantity("1", "expert-parallel groups of a unit", low=1, high=1e6, whole=True)
    etp: Scalar = quantity("1", "tensor parallelism inside one expert", low=1, high=1e4, whole=True, default=1)
    tp: Scalar = quantity("1", "tensor parallelism of attention and dense networks", low=1, high=1e4, whole=True, default=1)
    replicas: Scalar = quantity("1", "further copies of experts per layer of a unit", high=1e4, whole=True, default=0)
    batch: Scalar = quantity("1", "sequences per device: those that decode, or prompts read in one step", low=1e-3, high=1e5)
    two_batches: Scalar = quantity("1", "1 cuts a step in two halves, of which one computes while the other exchanges", high=1, default=0)
    exchange_processors: Scalar = quantity("1", "share of the processors that run hidden exchanges", high=0.5, default=0)
    relay: Scalar = quantity("1", "1: a token crosses once to a pod and is forwarded inside; 0: once per rank there", high=1, default=0)

    @property
    def devices(self) -> Scalar:
        """Devices of a unit: ep etp."""
        return self.ep * self.etp


class Deployment(eqx.Module):
    """Units that decode and units that read prompts, apart or the same.

    With `disaggregated` 0 every decoding step also reads the prompts that keep the pool full, and `prefill` says nothing.
    Reduced reads (arXiv 2507.19142, modelled): a slot has a low score with probability `low_score_share`, and an expert
    whose slots are all low, or (`per_expert` 1) whose summed score is, is read without the share `score_reduction` of its bits.
    What that does to accuracy is not modelled.
    """

    schedule: ServingSchedule
    decode: Pool
    prefill: Pool
    disaggregated: Scalar = quantity("1", "1: prompts are read by units of their own, 0: by those that decode", high=1)
    low_score_share: Scalar = quantity("1", "share of expert choices with a low score", high=1, default=0)
    score_reduction: Scalar = quantity("1", "share of the bits of a weight left out in a reduced read", high=0.9, default=0)
    per_expert: Scalar = quantity("1", "1 judges the summed score of an expert, 0 every choice", high=1, default=0)
