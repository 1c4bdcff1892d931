"""What is a training run (batch, sequence, tokens, number formats), and what is the whole workload?"""

import equinox as eqx

from codesign.fields import Scalar, quantity
from codesign.workload.precision import Precision
from codesign.workload.serving import ServingLoad
from codesign.workload.transformer import Transformer


class Training(eqx.Module):
    """One training run; `attention_share` is the part of the full score matrix computed."""

    precision: Precision
    global_batch: Scalar = quantity("1", "sequences per optimiser step", low=1, high=1e7, whole=True)
    sequence: Scalar = quantity("1", "tokens per sequence", low=1, high=1e8, whole=True)
    tokens: Scalar = quantity("1", "tokens of the whole run", low=1, high=1e16)
    attention_share: Scalar = quantity("1", "share of the score matrix computed: 0.5 causal, 1 full", low=0.0, high=1)
    expert_imbalance: Scalar = quantity("1", "tokens of the busiest expert rank over the mean", low=1, high=64, default=1)

    exchange_imbalance: Scalar = quantity(
        "1",
        "bytes of the busiest sender or receiver of an all-to-all over the mean, beyond that of its experts",
        low=1,
        high=1e3,
        default=1,
    )

    @property
    def tokens_per_step(self) -> Scalar:
        """Tokens in one optimiser step."""
        return self.global_batch * self.sequence

    @property
    def steps(self) -> Scalar:
        """Optimiser steps of the whole run."""
        return self.tokens / self.tokens_per_step


class Workload(eqx.Module):
    """A model, how it is trained, and what is asked of it once it serves (`None` where it does not)."""

    model: Transformer
    training: Training
    serving: ServingLoad | None = None
