"""What stacks cost: prices of the catalogue, applied to declared resources."""
