"""Which work is done: the transformer, its parameters, its routing, and the training run."""
