"""How is a front found? Knows arrays and a function; nothing of models, links or money."""
