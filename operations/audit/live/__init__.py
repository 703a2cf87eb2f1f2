"""What a live account and its clusters say, in the words of the Pulumi providers: the same clauses read it."""
