"""Read-only checks with the providers before a stack is created or deployed."""

from operations.preflight import command as command
from operations.preflight.command import build_parser as build_parser
from operations.preflight.command import main as main
