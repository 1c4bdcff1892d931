"""How big, how hot, how dear: edges and areas, watts and joules, dollars."""
