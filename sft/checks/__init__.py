"""What may be wrong with the rows of a training set: repetition, leaks, shortcuts, languages, lengths. Pure."""
