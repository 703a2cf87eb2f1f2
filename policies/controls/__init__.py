"""One file a control, named after its id."""
