"""Questions to the real APIs before a stack is created or deployed; they change nothing."""

from operations.preflight import command as command
from operations.preflight.command import build_parser as build_parser
from operations.preflight.command import main as main
