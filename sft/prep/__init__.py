"""Records → prepared rows: spool, draft, decide, review, write; memory does not grow with the text."""
