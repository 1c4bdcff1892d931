"""What is one compute die: its outline, its arithmetic and its watts?"""

import equinox as eqx

from codesign.fields import Scalar, quantity
from codesign.hardware.process import Process


class Die(eqx.Module):
    """A logic die; rates and powers are for one die."""

    process: Process
    width: Scalar = quantity("mm", "outline along the row of dies", low=1, high=100)
    height: Scalar = quantity("mm", "outline across the row of dies", low=1, high=100)
    peak_flops: Scalar = quantity("TFLOP/s", "dense 16-bit matrix peak", low=1, high=1e6)
    peak_flops_8bit: Scalar = quantity("TFLOP/s", "dense 8-bit matrix peak", low=1, high=1e6)
    peak_flops_4bit: Scalar = quantity("TFLOP/s", "dense 4-bit matrix peak; the 8-bit one where there is no 4-bit unit", low=1, high=1e6)
    matrix_efficiency: Scalar = quantity("1", "share of the peak that large matrix products sustain", low=0.05, high=1)
    matrix_efficiency_8bit: Scalar = quantity("1", "share of the 8-bit peak that matrix products sustain", low=0.05, high=1)
    matrix_efficiency_4bit: Scalar = quantity("1", "share of the 4-bit peak that matrix products sustain", low=0.05, high=1)
    attention_efficiency: Scalar = quantity("1", "share of the 16-bit peak that the products of fused attention sustain", low=0.05, high=1)
    processors: Scalar = quantity("1", "processors that each work on one tile of a matrix product", low=1, high=1e5, whole=True)
    exponential_rate: Scalar = quantity("TFLOP/s", "exponentials per second of the special-function units", low=0.01, high=1e4)
    sustained_clock: Scalar = quantity("1", "clock under the power of training over that of the stated peaks", low=0.4, high=1.2)
    kernel_time: Scalar = quantity("us", "start and drain of one kernel on the die", high=1000)
    energy_per_flop: Scalar = quantity("pJ/FLOP", "dynamic energy of one 16-bit floating point operation", low=0.01, high=10)
    energy_per_flop_8bit: Scalar = quantity("pJ/FLOP", "dynamic energy of one 8-bit floating point operation", low=0.01, high=10)
    static_power: Scalar = quantity("W", "leakage and clocks, drawn all the time", high=2000)
    edge_utilisation: Scalar = quantity("1", "share of a free die edge that input and output can use", low=0.1, high=1)
    array_rows: Scalar = quantity("1", "rows of its systolic arrays, which sum; 0: it has none", high=1024, whole=True, default=0)
    array_columns: Scalar = quantity("1", "columns of its systolic arrays", high=65536, whole=True, default=0)
    array_reshapes: Scalar = quantity("1", "switch: an array exchanges rows for columns by powers of two", high=1, default=0)

    @property
    def area(self) -> Scalar:
        """Area of one die [m2]."""
        return self.width * self.height
