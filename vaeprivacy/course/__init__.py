"""Coursework: assignments made from one source each, checked by students, graded by teachers."""
