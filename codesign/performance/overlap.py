"""Which traffic hides beside computation, and how much computing time is left to hide more?"""

import jax.numpy as jnp

from codesign.fields import Scalar, total
from codesign.mapping.parallelism import Mapping
from codesign.performance.roofline import Work


def exposed(time: Scalar, share: Scalar, partner: Scalar) -> Scalar:
    """max(0, time - share x partner), and exactly `time` where nothing may hide."""
    return time - jnp.minimum(time, share * partner)


def hide(traffic: dict[str, Scalar], work: dict[str, Work], mapping: Mapping) -> tuple[dict[str, Scalar], Scalar]:
    """Traffic that remains visible beside the computation of the same micro-batch, and the computing time left over.

    A second of computation hides one second of traffic: tensor-parallel traffic under the
    products, context-parallel traffic under the attention core, the all-to-all under what is
    left; gradients come last.
    """
    schedule = mapping.schedule
    partners = {
        "tensor parallel": (schedule.tensor_overlap, work["attention projections"].time + work["dense network"].time),
        "expert tensor parallel": (schedule.tensor_overlap, work["experts"].time),
        "context parallel": (schedule.context_overlap, work["attention core"].time),
    }
    visible = {name: exposed(traffic[name], share, partner) for name, (share, partner) in partners.items()}
    left = total(w.time for w in work.values()) - total(traffic[name] - visible[name] for name in visible)
    exchange = exposed(traffic["all-to-all"], schedule.expert_overlap, left)
    return traffic | visible | {"all-to-all": exchange}, left - (traffic["all-to-all"] - exchange)
