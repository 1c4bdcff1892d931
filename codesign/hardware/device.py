"""What is one device: a package and its two ways out, into the pod and into the cluster?"""

import equinox as eqx

from codesign.hardware.link import Port
from codesign.hardware.package import Package


class Device(eqx.Module):
    """One accelerator as the network sees it; bandwidths are per direction."""

    package: Package
    scale_up: Port
    scale_out: Port
