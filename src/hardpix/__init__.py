"""hardpix: learn which pixels a segmentation network gets wrong, train on them, and see where it still fails."""
