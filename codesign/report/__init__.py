"""How is a result kept and shown: run folder, page, terminal? Writes files; nothing below this layer does."""
