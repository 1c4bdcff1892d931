"""Where should the blocks of a package stand?"""

from codesign.physical.placement.cost import PlacementCost, PlacementWeights, placement_cost
from codesign.physical.placement.search import Placement, place

__all__ = ["Placement", "PlacementCost", "PlacementWeights", "place", "placement_cost"]
