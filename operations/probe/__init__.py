"""`cell probe`: synthetic customers pay through the real gateway of a cell, faults happen, and every acknowledged
payment is looked for in its shard and in the archive."""
