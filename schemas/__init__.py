"""The wire contract as data: definitions, generator, reference codec and test vectors."""
