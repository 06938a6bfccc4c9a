"""Values in the inputs of resources: their paths, and the items of lists."""
