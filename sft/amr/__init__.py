"""Abstract Meaning Representation: PENMAN reader and printer, the variable-free Task 1 form, repair."""
