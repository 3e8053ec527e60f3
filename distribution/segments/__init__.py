"""Segments: rules over customers, in JSON and in words, counted without looking at more than it takes."""

from distribution.segments.describing import describe

__all__ = ["describe"]
