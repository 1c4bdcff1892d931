"""What does a die gain whose systolic arrays exchange rows for columns, in a whole serving step at the same bandwidth?

The fixed and the reshaping array of the A3D-MoE study, here through `evaluate`: experts tile by tile, columns and depth cut
by the array, weights loaded behind tokens, exchanges and passes between operators included.
"""

from typing import Any

from claim import Row
from serving_machines import BATCHES, Machine, machine, put, serve

DIE = {"peak_flops": 250e12, "matrix_efficiency": 0.9, "attention_efficiency": 0.5, "kernel_time": 0.0, "sustained_clock": 1.0}
ARRAY = {"array_rows": 128.0, "array_columns": 128.0}
MEMORY = {"bandwidth": 2.85e12 / 5, "efficiency": 1.0}
"""Constants of the baseline of the A3D-MoE chain: 2.85 TB/s, 250 TFLOP/s, 128 rows, attention at half of the peak."""
MODELS = ("olmoe_1b_7b", "qwen3_30b_a3b", "mixtral_8x7b")

ASSUMPTIONS = [
    "A: constants of the baseline of S35 to S45, of which A3D-MoE publishes none; contexts of 1,536 tokens; no kernel starts; "
    "computing and streaming of an operator meet in a soft corner, so that gains exceed r0 = 1.62 where both bind on the fixed array",
]


def array_machine(reshapes: float) -> Machine:
    """One H100-like device with such arrays."""
    die = DIE | ARRAY | {"array_reshapes": reshapes}
    values = {f"die.{name}": value for name, value in die.items()} | {f"memory.{name}": value for name, value in MEMORY.items()}
    found = machine("dgx_h100", 1)
    return found._replace(cluster=put(found.cluster, values))


def step_times(model: str, reshapes: float) -> Any:
    """Seconds of a decode step for every batch, host left out."""
    found = serve(model, array_machine(reshapes), "separate")
    return found.decode_step_time - found.decode_parts["host"]


def rows() -> list[Row]:
    """Every row."""
    found = []
    for model in MODELS:
        gains = step_times(model, 0.0) / step_times(model, 1.0)
        name = model.split("_")[0]
        found += [
            Row(f"A.reshape.{name}.b{batch:.0f}", f"reshaping over fixed array, {name}, batch {batch:.0f}", "x", None, float(gain))
            for batch, gain in zip(BATCHES, gains, strict=True)
        ]
    return found
