"""What is asked of a cluster that serves: how long are prompts and answers, how often do they come, how fast must it answer?"""

import equinox as eqx
import jax.numpy as jnp

from codesign.fields import Scalar, quantity
from codesign.workload.precision import Precision


class ServingLoad(eqx.Module):
    """Requests of one kind; lengths are means, `*_spread` their standard deviation over the mean.

    A target of 0 is none; `request_rate` 0 asks for as many requests as can be served. `skew` is the exponent
    of Zipf's law over experts, `correlation` the exponent c by which T tokens touch as many experts as T^c independent ones.
    """

    precision: Precision
    prompt: Scalar = quantity("1", "tokens of a prompt, cached ones included", low=1, high=1e8)
    output: Scalar = quantity("1", "tokens of an answer", low=1, high=1e7)
    prompt_spread: Scalar = quantity("1", "standard deviation of the prompt length over its mean", high=10, default=0)
    output_spread: Scalar = quantity("1", "standard deviation of the answer length over its mean", high=10, default=0)
    cached_share: Scalar = quantity("1", "share of the prompt whose keys and values are found in a cache", high=0.999, default=0)
    cache_element: Scalar = quantity("B", "one element of a cached key or value", low=0.25, high=8)
    draft_tokens: Scalar = quantity("1", "tokens drafted per sequence and step (speculative decoding)", high=64, default=0)
    acceptance: Scalar = quantity("1", "probability that a drafted token is kept", high=0.999, default=0)
    draft_layers: Scalar = quantity("1", "layers that draft one token", high=1e3, default=0)
    skew: Scalar = quantity("1", "exponent of Zipf's law over the experts; 0 is even", high=2, default=0)
    correlation: Scalar = quantity("1", "T tokens touch as many experts as T^c independent ones", low=0.3, high=1, default=1)
    request_rate: Scalar = quantity("1/s", "requests that arrive at the whole cluster", high=1e9, default=0)
    first_token_target: Scalar = quantity("s", "largest allowed time to first token; 0 for none", high=1e4, default=0)
    output_token_target: Scalar = quantity("ms", "largest allowed time per output token; 0 for none", high=1e6, default=0)

    @property
    def computed_prompt(self) -> Scalar:
        """Tokens of a prompt that are computed."""
        return self.prompt * (1 - self.cached_share)

    @property
    def context(self) -> Scalar:
        """Mean keys per sequence while it decodes: prompt + E[output^2] / (2 E[output]), as long answers decode longer."""
        return self.prompt + self.output * (1 + self.output_spread * self.output_spread) / 2

    @property
    def context_spread(self) -> Scalar:
        """Standard deviation of the keys of a decoding sequence over their mean, both lengths independent.

        The place within an answer, drawn by length, has the variance E[o^3] / (3 E[o]) - (E[o^2] / (2 E[o]))^2; the third
        moment is that of a gamma law.
        """
        square = self.output_spread * self.output_spread
        second, third = 1 + square, (1 + square) * (1 + 2 * square)
        variance = self.output * self.output * (third / 3 - second * second / 4) + (self.prompt * self.prompt_spread) ** 2
        return jnp.sqrt(variance) / self.context

    @property
    def prompt_pairs(self) -> Scalar:
        """Mean query-key pairs of one prompt under a causal mask: E[p^2] (1 - cached^2) / 2."""
        square = self.prompt * self.prompt * (1 + self.prompt_spread * self.prompt_spread)
        return square * (1 - self.cached_share * self.cached_share) / 2

    @property
    def tokens_per_step(self) -> Scalar:
        """Tokens kept per sequence and step, n drafted and each kept with probability a: (1 - a^(n + 1)) / (1 - a)."""
        chance = jnp.log(jnp.maximum(self.acceptance, 1e-30))
        return jnp.expm1((self.draft_tokens + 1) * chance) / jnp.expm1(chance)
