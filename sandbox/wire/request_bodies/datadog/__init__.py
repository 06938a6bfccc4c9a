"""Checks of request bodies by the rules of Datadog's API that the models of its client lack."""
