"""Exchange of texts in the messages between a program and the engine."""

import abc
from typing import Any

from google.protobuf.message import Message


class Exchange(abc.ABC):
    """A function from the texts of one run of a program to those of another run."""

    @abc.abstractmethod
    def apply(self, text: str) -> str:
        """Return a text with the other run's texts in it."""

    def apply_to_number(self, value: float) -> float:
        """Return a number, or the other run's number in its place."""
        return value

    def apply_to(self, message: Any) -> None:
        """Exchange the texts and numbers in a message, also in the keys of objects."""
        for field, content in message.ListFields():
            if field.message_type and field.message_type.GetOptions().map_entry:
                self._apply_to_map(content)
            elif field.type == field.TYPE_MESSAGE:
                for part in [content] if isinstance(content, Message) else content:
                    self.apply_to(part)
            elif field.type == field.TYPE_STRING:
                if isinstance(content, str):
                    setattr(message, field.name, self.apply(content))
                else:
                    content[:] = [self.apply(text) for text in content]
            elif field.type == field.TYPE_DOUBLE:
                setattr(message, field.name, self.apply_to_number(content))

    def _apply_to_map(self, members: Any) -> None:
        for key, value in [*members.items()]:
            other = self.apply(key)
            if isinstance(value, str):
                del members[key]
                members[other] = self.apply(value)
            elif isinstance(value, Message):
                self.apply_to(value)
                if other != key:
                    members[other].CopyFrom(value)
                    del members[key]
