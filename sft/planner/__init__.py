"""What a training will take and where it fits: steps, memory, micro-batch, cards. Pure, from settings and shapes."""
