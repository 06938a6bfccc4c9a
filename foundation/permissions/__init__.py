"""What the roles of an account may do, as policy statements; a module a topic."""
