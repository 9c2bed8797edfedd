"""The page of predicted scores: images without labels, those that are likely labeled worst first."""
