"""Checks of request bodies by the rules of Cloudflare's API that the models of its client lack."""
