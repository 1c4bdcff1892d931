"""Which deployments are legal?

Arrays of candidate degrees go in, one mask per rule comes out, so that an impossible study can name the rule that bars it.
EP is carved out of data parallelism: a unit has ep x etp devices, which attention uses in groups of tp.
"""

from collections.abc import Mapping as Dictionary

import numpy as np

from codesign.mapping.lattice import divides

Array = np.ndarray


def pool_legality(kind: str, pool: Dictionary[str, Array], shapes: Dictionary[str, Array]) -> dict[str, Array]:
    """One boolean mask per rule for the units of one `kind`.

    `pool`: ep etp tp replicas. `shapes`: heads, experts, d_expert. All broadcast.
    """
    p, s = pool, shapes
    has_experts, copies = s["experts"] > 0, np.maximum(s["experts"] + p["replicas"], 1)
    return {
        f"{kind} ep is at most the experts and their copies": np.where(has_experts, p["ep"] <= copies, p["ep"] >= 1),
        f"{kind} ep divides the experts and their copies": np.where(has_experts, divides(p["ep"], copies), p["ep"] >= 1),
        f"{kind} etp divides the width of an expert": np.where(has_experts, divides(p["etp"], np.maximum(s["d_expert"], 1)), p["etp"] >= 1),
        f"{kind} tp divides ep x etp": divides(p["tp"], p["ep"] * p["etp"]),
        f"{kind} tp divides the heads": divides(p["tp"], s["heads"]),
    }
