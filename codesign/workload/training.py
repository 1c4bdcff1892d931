"""What is a training run: batch, sequence, tokens, number formats?"""

import equinox as eqx

from codesign.fields import Scalar, quantity
from codesign.workload.transformer import Transformer


class Precision(eqx.Module):
    """Bytes of every kind of number that is stored, moved or multiplied."""

    weight: Scalar = quantity("B", "one weight in memory", low=0.25, high=8)
    activation: Scalar = quantity("B", "one activation in memory and on the tensor-parallel network", low=0.25, high=8)
    dispatch: Scalar = quantity("B", "one activation on its way to an expert", low=0.25, high=8)
    combine: Scalar = quantity("B", "one activation on its way back", low=0.25, high=8)
    gradient: Scalar = quantity("B", "one accumulated gradient in memory", low=0.25, high=8)
    reduction: Scalar = quantity("B", "one gradient on the data-parallel network", low=0.25, high=8)
    optimizer: Scalar = quantity("B", "optimiser state and master copy of one weight", high=32)
    operand: Scalar = quantity("B", "one operand of a matrix product", low=0.25, high=8)
    cast: Scalar = quantity("B", "memory traffic of casting one activation or gradient to an operand", high=32)
    share_8bit: Scalar = quantity("1", "share of matrix FLOPs executed in 8 bits", high=1)
    share_4bit: Scalar = quantity("1", "share of matrix FLOPs executed in 4 bits", high=1)


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
    """A model and how it is trained."""

    model: Transformer
    training: Training
