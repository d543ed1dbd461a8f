"""Each adapter on its own, with the world that it speaks to."""
