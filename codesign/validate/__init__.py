"""How far is the model from measured runs? Runs become designs, designs predictions, predictions errors."""
