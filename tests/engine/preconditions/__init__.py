"""Programs that break every precondition: each resource that must be refused has its row's id as its name."""
