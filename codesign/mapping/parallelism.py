"""Into how many parts is the model cut in each direction?

Convention, stated wherever it is used: ranks = dp tp pp cp. Expert parallelism is carved
out of the dp tp cp ranks of a pipeline stage: ep groups of etp ranks hold one complete set
of experts, and dp tp cp / (ep etp) copies of that set exist. ep divides experts; it does
not divide routed activations.
"""

import equinox as eqx

from codesign.fields import Scalar, quantity
from codesign.mapping.schedule import Schedule


class Mapping(eqx.Module):
    """Degrees of parallelism, micro-batch, and how a step is scheduled."""

    schedule: Schedule
    dp: Scalar = quantity("1", "data-parallel replicas of the attention part", low=1, high=1e6, whole=True)
    tp: Scalar = quantity("1", "tensor parallelism, with sequence parallelism", low=1, high=1e4, whole=True)
    pp: Scalar = quantity("1", "pipeline stages", low=1, high=1e4, whole=True)
    cp: Scalar = quantity("1", "context parallelism", low=1, high=1e4, whole=True, default=1)
    ep: Scalar = quantity("1", "expert-parallel groups", low=1, high=1e6, whole=True)
    etp: Scalar = quantity("1", "tensor parallelism inside one expert", low=1, high=1e4, whole=True)
    vpp: Scalar = quantity("1", "model chunks per pipeline stage (interleaving)", low=1, high=1e3, whole=True, default=1)
    micro_batch: Scalar = quantity("1", "sequences per micro-batch and data-parallel rank", low=1, high=1e5, whole=True)

    @property
    def ranks(self) -> Scalar:
        """Devices in use: dp tp pp cp."""
        return self.dp * self.tp * self.pp * self.cp

    @property
    def expert_set(self) -> Scalar:
        """Devices over which one complete set of experts of a stage is spread: ep etp."""
        return self.ep * self.etp

    @property
    def expert_copies(self) -> Scalar:
        """Copies of the experts of a stage: dp tp cp / (ep etp)."""
        return self.dp * self.tp * self.cp / self.expert_set
