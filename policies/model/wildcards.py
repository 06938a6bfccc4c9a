"""Patterns of IAM and of nginx's includes, with the wildcards `*` and `?`."""


def matches(text: str, pattern: str) -> bool:
    """Return True if the whole text matches the pattern.

    The time is proportional to the product of the two lengths. fnmatch would need 20 seconds for a pattern
    with 20,000 brackets, because it builds a regular expression first. Besides, brackets have no special
    meaning in IAM (IAM User Guide, reference_policies_elements_resource, wildcards).
    """
    at = place = resume = 0
    star: int | None = None
    while at < len(text):
        if place < len(pattern) and pattern[place] == "*":
            star, resume = place, at
            place += 1
        elif place < len(pattern) and pattern[place] in ("?", text[at]):
            at += 1
            place += 1
        elif star is not None:
            # The last star matches one more character; earlier stars need no further attempt.
            resume += 1
            at, place = resume, star + 1
        else:
            return False
    return not pattern[place:].strip("*")
