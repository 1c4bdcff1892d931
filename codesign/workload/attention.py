"""Which attention does a layer have, and what does it weigh per token?

Two structures: grouped-query attention (multi-head when every head has its own key and
value) and multi-head latent attention (DeepSeek-V2, arXiv 2405.04434).
"""

from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp

from codesign.fields import Scalar, quantity


class Projection(NamedTuple):
    """A matrix applied to every token: `inputs` x `outputs`; `cut` names the side that TP divides, if any."""

    inputs: Scalar
    outputs: Scalar
    cut: str


class GroupedQuery(eqx.Module):
    """Grouped-query attention; `kv_heads` = `heads` is multi-head attention."""

    heads: Scalar = quantity("1", "query heads", low=1, high=1e4, whole=True)
    kv_heads: Scalar = quantity("1", "key and value heads", low=1, high=1e4, whole=True)
    head_size: Scalar = quantity("1", "width of one head", low=1, high=1e4, whole=True)

    def projections(self, d_model: Scalar, tp: Scalar | float = 1.0) -> dict[str, Projection]:
        """The weight matrices of one layer; a rank has at least one key-value head, copied when tp exceeds their number."""
        query, key = self.heads * self.head_size, jnp.maximum(self.kv_heads, tp) * self.head_size
        return {"query_key_value": Projection(d_model, query + 2 * key, "outputs"), "output": Projection(query, d_model, "inputs")}

    @property
    def score_width(self) -> Scalar:
        """Width of the query and key of one head."""
        return self.head_size

    @property
    def score_flops(self) -> Scalar:
        """FLOPs per query-key pair: scores and weighted values, forward."""
        return 4 * self.heads * self.head_size

    def core_width(self, tp: Scalar | float = 1.0) -> Scalar:
        """Elements per token read and written by the core over all ranks: query, key, value, output."""
        return 2 * self.heads * self.head_size + self.kv_width(tp)

    def raised_width(self, tp: Scalar | float = 1.0) -> Scalar:
        """Elements per token that up-projections make and a backward pass can make again: none here."""
        return 0.0 * self.heads

    def kv_width(self, tp: Scalar | float = 1.0) -> Scalar:
        """Elements of key and value per token over all ranks."""
        return 2 * jnp.maximum(self.kv_heads, tp) * self.head_size

    def cache_width(self, tp: Scalar | float = 1.0) -> Scalar:
        """Elements of cached key and value per token on one of `tp` ranks: those of at least one head."""
        return self.kv_width(tp) / tp

    @property
    def cached_flops(self) -> Scalar:
        """FLOPs per query and cached key: the same as without a cache."""
        return self.score_flops


class Latent(eqx.Module):
    """Multi-head latent attention; `query_rank` 0 means a direct query projection."""

    heads: Scalar = quantity("1", "heads", low=1, high=1e4, whole=True)
    head_size: Scalar = quantity("1", "width of one head without rotary part, and of its value", low=1, high=1e4, whole=True)
    kv_rank: Scalar = quantity("1", "rank of the joint key-value compression", low=1, high=1e5, whole=True)
    query_rank: Scalar = quantity("1", "rank of the query compression", high=1e5, whole=True)
    rope_size: Scalar = quantity("1", "width of the decoupled rotary key", high=1e4, whole=True)

    def projections(self, d_model: Scalar, tp: Scalar | float = 1.0) -> dict[str, Projection]:
        """The weight matrices of one layer; the compressions are not divided by TP, heads are."""
        query = self.heads * (self.head_size + self.rope_size)
        compressed = jnp.minimum(self.query_rank, 1.0)
        query_inputs = compressed * self.query_rank + (1 - compressed) * d_model
        return {
            "query_down": Projection(d_model, self.query_rank, ""),
            "query_up": Projection(query_inputs, query, "outputs"),
            "key_value_down": Projection(d_model, self.kv_rank + self.rope_size, ""),
            "key_value_up": Projection(self.kv_rank, 2 * self.heads * self.head_size, "outputs"),
            "output": Projection(self.heads * self.head_size, d_model, "inputs"),
        }

    @property
    def score_width(self) -> Scalar:
        """Width of the query and key of one head, rotary part included."""
        return self.head_size + self.rope_size

    @property
    def score_flops(self) -> Scalar:
        """FLOPs per query-key pair: scores over head and rotary width, values over head width."""
        return 2 * self.heads * (2 * self.head_size + self.rope_size)

    def core_width(self, tp: Scalar | float = 1.0) -> Scalar:
        """Elements per token read and written by the core over all ranks: query, key, value, output."""
        return self.heads * (4 * self.head_size + 2 * self.rope_size)

    def raised_width(self, tp: Scalar | float = 1.0) -> Scalar:
        """Elements per token that up-projections make and a backward pass can make again: query, key, value."""
        return self.heads * (3 * self.head_size + 2 * self.rope_size)

    def kv_width(self, tp: Scalar | float = 1.0) -> Scalar:
        """Elements of the compressed key and value per token."""
        return self.kv_rank + self.rope_size

    def cache_width(self, tp: Scalar | float = 1.0) -> Scalar:
        """Elements of the compressed key and value per token on one of `tp` ranks, each of which holds them whole."""
        return self.kv_width(tp)

    @property
    def cached_flops(self) -> Scalar:
        """FLOPs per query and cached key, up-projections absorbed in query and output.

        Scores over rank and rotary width, values over rank.
        """
        return 2 * self.heads * (2 * self.kv_rank + self.rope_size)


Attention = GroupedQuery | Latent
