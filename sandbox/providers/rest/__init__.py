"""Packages whose targets are JSON APIs, for which data is converted by the SDK's types and tables."""
