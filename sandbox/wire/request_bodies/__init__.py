"""Checks of the request bodies that providers send to the APIs of Cloudflare and Datadog."""
