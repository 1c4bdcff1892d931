"""How hot do the parts of a package get, and how much power keeps them within their limits?

Steady heat through resistances per area R'' [K m2/W] from the coolant's inlet to the transistors:

    die on a carrier   T = T_in + P R''_top / A                              R''_top = theta A_ref
    memory on logic    T_logic = T_in + [(P_l + P_m) R''_top + (P_l + P_m / 2) R''_stack] / A

P watts, A the area that the heat leaves through [m2], temperatures in degC; everything is elementwise and shapes broadcast.
Source: the package of `tsmc_liquid_2021` (theta) and the fit to `imec_iedm_2025` (stack). Ignored: hot spots within a die,
heat into the board, the warming of the coolant, leakage that rises with temperature. `heat_map` tells blocks apart.
"""

import jax
import jax.numpy as jnp

from codesign.fields import Scalar
from codesign.hardware.cooling import Cooling

REFRESH_WIDTH = 0.3
"""Kelvin over which the step of the refresh rate is smoothed: 5 K below it, memory is cool within 1e-7."""


def power_density(power: Scalar, area: Scalar) -> Scalar:
    """Heat flux P / A [W/m2]; a part without area is absent and has none."""
    there = area > 0
    return jnp.where(there, power, 0.0) / jnp.where(there, area, 1.0)


def package_temperature(cooling: Cooling, power: Scalar, area: Scalar) -> Scalar:
    """Temperature of a die of `area` that loses `power` upwards [degC]: T_in + P theta A_ref / A.

    Optimistic where dies fill the lid, as heat then cannot spread as it did around the published one.
    """
    return cooling.inlet_temperature + power_density(power, area) * cooling.area_resistance


def largest_power(cooling: Cooling, limit: Scalar, area: Scalar) -> Scalar:
    """Heat of a die of `area` at the temperature `limit` [W]: (limit - T_in) A / (theta A_ref); never negative."""
    return jnp.maximum(limit - cooling.inlet_temperature, 0.0) * area / cooling.area_resistance


def stack_temperature(cooling: Cooling, logic_power: Scalar, memory_power: Scalar, area: Scalar) -> Scalar:
    """Temperature of logic below memory of the same `area`, cooled from the top [degC].

    All heat passes the top; the logic's passes the whole stack, the memory's, which is spread over it, half on average. The lowest
    memory layer is as hot but for one joint: the figure bounds it too.
    """
    top = package_temperature(cooling, logic_power + memory_power, area)
    return top + stack_rise(cooling.stack_resistance, power_density(logic_power, area), power_density(memory_power, area))


def stack_rise(resistance: Scalar, logic_flux: Scalar, memory_flux: Scalar) -> Scalar:
    """Logic below a stack over the top of the stack [K]: R''_stack (q_l + q_m / 2), q_l, q_m heat of logic and of the stack per area."""
    return resistance * (logic_flux + memory_flux / 2)


def layer_temperatures(cooling: Cooling, power: Scalar, area: Scalar, joint: Scalar) -> Scalar:
    """Temperature of every layer of a stack [degC], (..., n): `power` (..., n) from the sink down, `joint` [K m2/W] between neighbours.

    T_1 = T_in + R''_top sum P / A, T_i+1 = T_i + joint / A x sum of P_j below layer i.
    """
    below = jnp.cumsum(power[..., ::-1], -1)[..., ::-1]
    resistance = jnp.asarray(joint)[..., None] * jnp.ones_like(power)
    first = cooling.area_resistance[..., None] * jnp.ones_like(power[..., :1])
    steps = power_density(below, jnp.asarray(area)[..., None]) * jnp.concatenate([first, resistance[..., 1:]], -1)
    return cooling.inlet_temperature[..., None] + jnp.cumsum(steps, -1)


def largest_stack_flux(cooling: Cooling, limit: Scalar, layers: Scalar, joint: Scalar) -> Scalar:
    """Heat flux of logic below `layers` of cool memory at the temperature `limit` [W/m2]: (limit - T_in) / (layers joint + R''_top)."""
    return jnp.maximum(limit - cooling.inlet_temperature, 0.0) / (layers * joint + cooling.area_resistance)


def neighbour_share(cooling: Cooling, die_width: Scalar, gap: Scalar, depth: Scalar) -> Scalar:
    """Mean rise of the lid over a block beside a die, as a share of that over the die.

    A lid as a fin, in one dimension, over a strip of width w [m] that ends at a block from `gap` to gap + depth [m], L the
    spreading length: (1 - e^-w/L) / 2 x L/depth (e^-gap/L - e^-(gap + depth)/L) / (1 - L/w (1 - e^-w/L)).
    """
    length = cooling.spreading_length
    wide, deep = jnp.maximum(die_width / length, 1e-2), jnp.maximum(depth / length, 1e-4)
    over_die = 1 + jnp.expm1(-wide) / wide
    beside = -jnp.expm1(-wide) / 2 * jnp.exp(-gap / length) * -jnp.expm1(-deep) / deep
    return beside / over_die


def neighbour_temperature(cooling: Cooling, share: Scalar, die_flux: Scalar, flux: Scalar) -> Scalar:
    """Temperature of a block beside a die, such as an optical engine with its rings [degC].

    T_in + share x q_die (R''_top - R''_local) + q R''_top, q heat fluxes [W/m2], `share` from `neighbour_share`. Rings below
    a die are as hot as the die.
    """
    lid = cooling.area_resistance - cooling.local_resistance
    return cooling.inlet_temperature + share * die_flux * lid + flux * cooling.area_resistance


def memory_temperature(cooling: Cooling, share: Scalar, die_flux: Scalar, flux: Scalar) -> Scalar:
    """Hottest layer of a memory stack beside a die [degC]: `neighbour_temperature` and half of the stack for its own heat `flux`."""
    return neighbour_temperature(cooling, share, die_flux, flux) + flux * cooling.stack_resistance / 2


def refresh_factor(cooling: Cooling, temperature: Scalar) -> Scalar:
    """Refreshes per time over those of cool memory: 1, and 2 above the refresh temperature.

    The step of the standard (`dram_temperature`) is smoothed, 1 + logistic((T - T_refresh) / 0.3 K): 1.5 on the threshold.
    """
    return 1 + jax.nn.sigmoid((temperature - cooling.refresh_temperature) / REFRESH_WIDTH)


def refreshed_bandwidth(cooling: Cooling, temperature: Scalar, busy: Scalar) -> Scalar:
    """Memory bandwidth over that of cool memory, of which refreshes keep the share `busy`: (1 - busy x factor) / (1 - busy)."""
    return (1 - busy * refresh_factor(cooling, temperature)) / (1 - busy)


def ring_tuning_power(temperature: Scalar, lock_temperature: Scalar, offset: Scalar, drift: Scalar, efficiency: Scalar) -> Scalar:
    """Heater power of one ring [W]: (offset + drift x (T_lock - T)) / efficiency.

    A heater can only add: rings lock at the wavelength of the hottest state, `lock_temperature` [degC], and are heated below it.
    `offset` [m] is what fabrication misses, `drift` [m/K] the resonance per temperature, `efficiency` [m/W] the shift per heat.
    Above the lock temperature the offset alone is counted: see the limit of rings.
    """
    return (offset + drift * jnp.maximum(lock_temperature - temperature, 0.0)) / efficiency
