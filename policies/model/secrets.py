"""A detector of plain-text secrets, by the name of a setting and by the form of its value.

The forms are those that the issuers publish. A library such as detect-secrets would need quadratic time for
some of them, and imports an HTTP client.
"""

import re

from policies.model.property_values import Value

LONGEST_NAME = 1000
"""The number of characters at the end of a name that the detector reads."""

# By prefix, the form of a value. The prefix is the first part of the pattern, so that a search for the prefix
# alone can exclude a text of a megabyte in less than a millisecond.
FORMS: dict[str, re.Pattern[str]] = {
    # RFC 7468, sections 10 and 11; RFC 9580, section 6.2; OpenSSH's PROTOCOL.key.
    "-----BEGIN ": re.compile(r"-----BEGIN (?:[A-Z0-9]{1,16} ){0,3}PRIVATE KEY(?: BLOCK)?-----"),
    # IAM User Guide, reference_identifiers, "Understanding unique ID prefixes".
    "AKIA": re.compile(r"AKIA(?<![A-Za-z0-9]AKIA)[A-Z2-7]{16}(?![A-Za-z0-9])"),
    "ASIA": re.compile(r"ASIA(?<![A-Za-z0-9]ASIA)[A-Z2-7]{16}(?![A-Za-z0-9])"),
    # GitHub docs, "About authentication to GitHub", token formats.
    "ghp_": re.compile(r"ghp_[A-Za-z0-9]{36}"),
    "gho_": re.compile(r"gho_[A-Za-z0-9]{36}"),
    "ghu_": re.compile(r"ghu_[A-Za-z0-9]{36}"),
    "ghs_": re.compile(r"ghs_[A-Za-z0-9]{36}"),
    "ghr_": re.compile(r"ghr_[A-Za-z0-9]{36}"),
    "github_pat_": re.compile(r"github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}"),
    # GitLab docs, security/tokens, "Token prefixes".
    "glpat-": re.compile(r"glpat-[\w-]{20}"),
    "gldt-": re.compile(r"gldt-[\w-]{20}"),
    "glrt-": re.compile(r"glrt-[\w-]{20}"),
    # Slack API docs, "Token types" and "Sending messages using incoming webhooks".
    "xox": re.compile(r"xox[abeoprs](?:\.xox[bp])?-[0-9A-Za-z]{1,20}-[0-9A-Za-z-]{5}"),
    "xapp-": re.compile(r"xapp-\d-[0-9A-Z]{5,20}-\d{5}"),
    "hooks.slack.com/": re.compile(r"hooks\.slack\.com/services/T\w{1,20}/B\w{1,20}/\w{10}"),
    # RFC 7519, section 3: base64url of a header and of claims, both JSON objects, then a signature.
    "eyJ": re.compile(r"eyJ(?<![\w-]eyJ)[\w-]{7,}\.eyJ[\w-]{4,}\."),
    # Stripe docs, "API keys".
    "sk_live_": re.compile(r"sk_live_[0-9A-Za-z]{16}"),
    "rk_live_": re.compile(r"rk_live_[0-9A-Za-z]{16}"),
    # Twilio SendGrid docs, "API keys".
    "SG.": re.compile(r"SG\.[\w-]{22}\.[\w-]{43}"),
    # npm's and PyPI's docs on access tokens.
    "npm_": re.compile(r"npm_[A-Za-z0-9]{36}"),
    "pypi-AgE": re.compile(r"pypi-AgE[\w-]{50}"),
    # Google Cloud docs, "Manage API keys".
    "AIza": re.compile(r"AIza[\w-]{35}"),
    # The pattern starts at `://`: one that starts at the scheme takes quadratic time for a long word.
    "://": re.compile(r"://[^\s/:@]*:(?!\$\()[^\s/@]+@"),
}

_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_SEPARATORS = re.compile(r"[^A-Za-z0-9]+")
_HARMLESS = re.compile(
    r"|~|true|false|yes|no|on|off|none|null|0|1|(/[a-z0-9._-]+)+|\$\([\w.-]+\)", re.IGNORECASE
)
"""An empty string, null in YAML, a boolean, a file path, or a reference to another variable."""
_PATH = re.compile(r"\A[a-z0-9._-]+(/[a-z0-9._-]+)+")
"""The name of a secret in a store, such as shop/db, as a setting that ends in ID has it."""
_NUMBER = re.compile(r"[0-9]{1,12}(\.[0-9]{1,6})?[a-z]{0,2}")
"""A number, perhaps with a unit, such as 4096 or 30s."""

_SECRETS = frozenset(
    {"CREDENTIAL", "CREDENTIALS", "PASS", "PASSPHRASE", "PASSWD", "PASSWORD", "PASSWORDS", "PW", "PWD"}
    | {"SECRET", "SECRETS"}
)
_ENDINGS = ("PASSWORD", "PASSWD", "PASSPHRASE")
"""Endings of terms such as PGPASSWORD."""
_TOKENS = frozenset({"TOKEN", "TOKENS", "APIKEY", "APITOKEN", "ACCESSKEY", "PRIVATEKEY", "SECRETKEY"})
_KEY_ATTRIBUTES = frozenset({"ID", "BASE", "BASE64", "PEM", "OLD", "NEW", "PREVIOUS", "PRIMARY", "SECONDARY"})
"""Words that may follow `KEY` in the name of a secret key; numbers may follow it too."""
_PLAIN_KEYS = frozenset(
    {"ARTIFACT", "BUCKET", "CACHE", "FOREIGN", "GROUP", "HASH", "IDEMPOTENCY", "INDEX", "KMS", "LABEL"}
    | {
        "MESSAGE",
        "OBJECT",
        "ORDER",
        "PARTITION",
        "PRIMARY",
        "PUB",
        "PUBLIC",
        "PUBLISHABLE",
        "RANGE",
        "ROUTING",
        "S3",
        "SORT",
        "TAG",
    }
    | {"TOPOLOGY"}
)
"""Words before `KEY` in the name of a key that is an identifier or public, and therefore no secret."""
_ATTRIBUTES = frozenset(
    {"ADDRESS", "AGE", "ALG", "ALGORITHM", "ARN", "AUDIENCE", "BACKEND", "CLASS", "COLUMN", "COUNT", "DAYS"}
    | {"DIR", "DIRECTORY", "DISABLED", "ENABLED", "ENDPOINT", "EXPIRATION", "EXPIRES", "EXPIRY", "FIELD"}
    | {"FILE", "FILENAME", "FORMAT", "HEADER", "HOST", "HOURS", "INTERVAL", "ISSUER", "KIND", "LENGTH"}
    | {"LIFETIME", "LIMIT", "MANAGER", "MAX", "METHOD", "MIN", "MINUTES", "MODE", "NAME", "NAMESPACE", "PATH"}
    | {"POLICY", "PORT", "PREFIX", "PROVIDER", "REF", "REGION", "REQUIRED", "ROTATION", "SCOPE", "SCOPES"}
    | {"SECONDS", "SIZE", "STORE", "SUFFIX", "TIMEOUT", "TTL", "TYPE", "URI", "URL", "USER", "USERNAME"}
    | {"VERSION"}
)
"""Last terms of names that describe a secret, and do not contain it."""
_METHODS = frozenset(
    {
        "BASIC",
        "BEARER",
        "CERT",
        "CERTIFICATE",
        "DEFAULT",
        "DIGEST",
        "DISABLE",
        "DISABLED",
        "ENABLE",
        "ENABLED",
    }
    | {"IAM", "JWT", "KERBEROS", "LDAP", "LOGIN", "MD5", "OAUTH", "OAUTH2", "OIDC", "OPTIONAL", "PLAIN"}
    | {"REQUIRED", "SAML", "SCRAM-SHA-256", "TLS", "TRUST"}
)
"""Values that choose a method of authentication, for names that end in AUTH."""


def holds_secret(text: str) -> bool:
    """Return True if a text contains a string in the form of a private key, a token or a password in a URL.

    The time is proportional to the length of the text.
    """
    return any(prefix in text and form.search(text) for prefix, form in FORMS.items())


def names_secret(name: str, text: str) -> bool:
    """Return True if a name says that its value is a secret, and the value can be one.

    Such a name ends in a word such as PASSWORD, TOKEN, KEY or AUTH, or contains PASSWORD or TOKEN. Examples
    are DB_PASSWORD_PROD and TOKEN_GITHUB, but not TOKEN_URL or PUBLIC_KEY.
    """
    terms = _SEPARATORS.split(_HUMP.sub("_", name[-LONGEST_NAME:]).upper())
    terms = [word for word in terms if word]
    if not terms or terms[-1] in _ATTRIBUTES or _HARMLESS.fullmatch(text):
        return False
    if terms[-1] == "ID" and _PATH.fullmatch(text):
        return False
    if not _SECRETS.isdisjoint(terms) or any(word.endswith(_ENDINGS) for word in terms):
        return True
    if _NUMBER.fullmatch(text) or text.startswith(("http://", "https://")):
        return False
    if terms[-1] == "AUTH":
        return len(terms) > 1 and text.upper() not in _METHODS
    return not _TOKENS.isdisjoint(terms) or _names_key(terms)


def _names_key(terms: list[str]) -> bool:
    """Return True for *_KEY, and for *_KEY_* if the terms after it are attributes of a key."""
    for index, word in enumerate(terms[1:], 1):
        if word in ("KEY", "KEYS") and terms[index - 1] not in _PLAIN_KEYS:
            return all(later in _KEY_ATTRIBUTES or later.isdigit() for later in terms[index + 1 :])
    return False


def is_secret(name: str, value: Value) -> bool:
    """Return True if a value is marked as secret, has the name of a secret, or has the form of one."""
    if value.secret:
        return True
    content = value.get()
    text = "an object" if isinstance(content, dict | list) else str(content)
    return names_secret(name, text) or holds_secret(text)
