"""`sft`: raw Vietnamese QA or AMR data to a fine-tuned adapter and a score one can defend."""

__version__ = "0.1.0"
