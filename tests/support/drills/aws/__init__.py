"""AWS APIs on loopback for the drills."""
