"""The steps of the commands up, preview, refresh, down and clean."""
