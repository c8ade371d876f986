"""Vendors' documents and clients against our dialects."""
