"""Readers and checks of TLS settings that several rules use."""
