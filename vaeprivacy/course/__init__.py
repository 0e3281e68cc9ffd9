"""Coursework: assignments, variants for students, submissions graded in processes of their own, a contest."""
