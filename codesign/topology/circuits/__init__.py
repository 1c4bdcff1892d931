"""Which servers of a region get optical circuits, and how long does their all-to-all take with them?"""
