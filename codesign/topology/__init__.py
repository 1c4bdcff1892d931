"""Which fabric connects the devices? One file per fabric; each states rates, start-up times and bill of material."""
