"""From a prepared set to an adapter: the job, the recipe, and what is watched on the way."""
