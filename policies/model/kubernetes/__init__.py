"""Readers and checks of Kubernetes objects that several rules use."""
