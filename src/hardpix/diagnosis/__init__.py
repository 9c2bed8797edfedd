"""Diagnosis: pairs of files, readers, counts, scores, and sentences about them; drawing is the report's."""
