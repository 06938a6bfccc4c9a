"""Readers and checks of AWS resources that several rules use."""
