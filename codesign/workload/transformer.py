"""What is the model: layers, attention, dense and expert feed-forward networks, vocabulary?"""

import equinox as eqx

from codesign.fields import Scalar, quantity
from codesign.workload.attention import Attention


class Transformer(eqx.Module):
    """A decoder-only transformer with leading dense layers and mixture-of-experts layers.

    Granularity m is a relaxation over all real m >= 1 (Passage, arXiv 2510.15893 section V):
    m E experts of width d / m, of which m k are active, at constant size and FLOPs. What it
    does to the quality of the trained model is not modelled.
    """

    attention: Attention
    layers: Scalar = quantity("1", "layers", low=1, high=1e4, whole=True)
    dense_layers: Scalar = quantity("1", "layers with a dense feed-forward network", high=1e4, whole=True, default=0)
    d_model: Scalar = quantity("1", "width of the residual stream", low=1, high=1e6, whole=True)
    d_ff: Scalar = quantity("1", "width of a dense feed-forward network", high=1e7, whole=True, default=0)
    gated: Scalar = quantity("1", "1 when the feed-forward network has a gate (three matrices), else 0", high=1, whole=True)
    base_experts: Scalar = quantity("1", "routed experts per layer at granularity 1", high=1e5, whole=True, default=0)
    base_top_k: Scalar = quantity("1", "active routed experts per token at granularity 1", high=1e4, whole=True, default=0)
    base_d_expert: Scalar = quantity("1", "width of one expert at granularity 1", high=1e7, whole=True, default=0)
    shared_experts: Scalar = quantity("1", "experts of base width that every token passes", high=1e3, whole=True, default=0)
    vocabulary: Scalar = quantity("1", "tokens in the vocabulary; 0 when embedding and head are left out", high=1e7, whole=True)
    tied_embedding: Scalar = quantity("1", "1 when embedding and head share their weights", high=1, whole=True, default=0)
    extra_heads: Scalar = quantity(
        "1",
        "further passes through the output head, each with a 2 d_model x d_model projection (multi-token prediction)",
        high=8,
        whole=True,
        default=0,
    )
    domains_per_token: Scalar = quantity("1", "most pods one token is routed to (node-limited routing)", low=1, high=1e6, default=1e6)
    granularity: Scalar = quantity("1", "m: experts are m times as many and m times as thin", low=1, high=64, default=1)

    @property
    def moe_layers(self) -> Scalar:
        """Layers with experts."""
        return self.layers - self.dense_layers

    @property
    def experts(self) -> Scalar:
        """Routed experts per layer."""
        return self.base_experts * self.granularity

    @property
    def top_k(self) -> Scalar:
        """Routed experts per token."""
        return self.base_top_k * self.granularity

    @property
    def d_expert(self) -> Scalar:
        """Width of one routed expert."""
        return self.base_d_expert / self.granularity
