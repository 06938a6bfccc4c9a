"""Rules on Cloudflare Access, which asks visitors of an application who they are."""

import re
from collections.abc import Sequence

from pulumi_policy import Severity

from policies.engine.rule import Finding, Options, Resource, Stack, Verdicts, check_each, disallowed
from policies.engine.topics import CLOUDFLARE
from policies.model.checks import guarded
from policies.model.networks import is_world
from policies.model.property_values import Value
from policies.model.references import referents

APPLICATIONS = (
    "cloudflare:index/zeroTrustAccessApplication:ZeroTrustAccessApplication",
    "cloudflare:index/accessApplication:AccessApplication",
)
POLICIES = (
    "cloudflare:index/zeroTrustAccessPolicy:ZeroTrustAccessPolicy",
    "cloudflare:index/accessPolicy:AccessPolicy",
)
GROUPS = (
    "cloudflare:index/zeroTrustAccessGroup:ZeroTrustAccessGroup",
    "cloudflare:index/accessGroup:AccessGroup",
)

PROVIDERS = (
    "cloudflare:index/zeroTrustAccessIdentityProvider:ZeroTrustAccessIdentityProvider",
    "cloudflare:index/accessIdentityProvider:AccessIdentityProvider",
)
OPEN_LOGINS = ("facebook", "github", "linkedin", "onetimepin", "yandex")
"""Types of identity providers with which everybody who has any account or address can log in.

Sources: Cloudflare, Access policies, "Common misconfigurations" (the PIN), and pulumi-cloudflare,
ZeroTrustAccessIdentityProvider (the types). Google may limit its login to one organization.
"""

EVERYONE = "everyone"
COUNTRY = "geo"
NETWORK = "ip"

PUBLIC_MAIL = re.compile(
    r"(?:aol|gmail|gmx|hotmail|live|outlook|protonmail|yahoo|yandex)\.(?:com|net|com\.co|(?:com?\.)?"
    r"(?:ae|ar|at|au|be|br|by|ca|ch|cl|cn|cz|de|dk|es|eu|fi|fr|gr|hk|hu|id|ie|il|in|it|jp|kr|kz|li|lv|mx|my"
    r"|nl|no|nz|ph|pk|pl|pt|ro|rs|ru|se|sg|sk|th|tr|tw|ua|uk|us|uz|vn|za))"
    r"|(?:126|163|fastmail|googlemail|hushmail|icloud|inbox|mac|mail|me|msn|naver|qq)\.com"
    r"|(?:au|duck|rocketmail|tuta|tutanota|ymail|zoho)\.com"
    r"|(?:bk|inbox|list|mail|rambler|ya)\.ru|(?:freenet|t-online|web)\.de|(?:interia|wp)\.pl"
    r"|(?:docomo|ezweb|softbank|ymobile)\.ne\.jp|i\.softbank\.jp"
    r"|laposte\.net|libero\.it|seznam\.cz|(?:pm|proton)\.me"
)
"""Pattern of the domains of large providers where everybody gets an address.

Source: willwhite/freemail, data/free.txt. Of the domains that the first ones have in many countries, only
those of countries count: live.tv, for example, may be a company's. Besides, Proton's, those of Japan's mobile
carriers (hep.eiz.jp/article/what-is-carrier-mail), Tuta's (tuta.com/support) and DuckDuckGo's
(duckduckgo.com/email).
"""

_ADDRESSES = "name single addresses in email, or let requires name a group"

_REMEDY = "let requires name a group, a login method or a network"


@CLOUDFLARE.rule(
    "cloudflare-access-open",
    types=(*APPLICATIONS, *POLICIES, *GROUPS),
    severity=Severity.HIGH,
    controls=("Cloudflare Access: policies",),
    remediation=(
        "Let the policy name who may come in. To make a single path public, declare an application for this "
        "path whose own policy bypasses Access."
    ),
    url="https://developers.cloudflare.com/cloudflare-one/access-controls/policies/",
)
def opened(resource: Resource, _: Options) -> Verdicts:
    """Refuse Access policies and groups that let everyone in, or everyone in a country, or with an address of
    a public provider of e-mail.

    A group may stand for countries, because a policy may require it. A policy may wait for an approval
    instead, and one of an application with a path may bypass Access.
    """
    # Source: Cloudflare, Access policies: "Common misconfigurations", and the example of Bypass, an
    # application for one path. The login method "One-time PIN" lets everyone in as well, but its ID does not
    # show that.
    if resource.type in APPLICATIONS:
        is_public = _has_paths(resource)
        yield from check_each(resource["policies"].items(), lambda policy: _policy(policy, is_public))
    elif resource.type in POLICIES:
        yield from _policy(resource.props)
    else:
        yield from _rules(resource.props, {EVERYONE})


@CLOUDFLARE.stack_rule(
    "cloudflare-access-login-open",
    about=(*APPLICATIONS, *POLICIES, *GROUPS),
    severity=Severity.HIGH,
    controls=("Cloudflare Access: policies",),
    remediation="Name addresses, a domain of your own or a group in the policy, beside the login method.",
    url="https://developers.cloudflare.com/cloudflare-one/access-controls/policies/",
)
def login_open(stack: Stack, _: Options) -> Verdicts:
    """Refuse Access policies and groups that only ask for a login with which everybody can log in: a one-time
    PIN, or an account of GitHub, Facebook, LinkedIn or Yandex.

    The stack declares the login method. If a policy depends on several, its IDs decide, once they are known.
    """
    providers = stack.of(PROVIDERS)
    for resource in stack.of((*APPLICATIONS, *POLICIES, *GROUPS)) if providers else ():
        yield from guarded(_open_logins(resource, providers), resource.urn)


def _open_logins(resource: Resource, providers: Sequence[Resource]) -> Verdicts:
    def is_open(rule: Value) -> bool:
        if rule["loginMethod"].absent:
            return False
        named = referents(resource, rule.at("loginMethod.id"), providers, "id")
        return bool(named) and all(provider["type"].text() in OPEN_LOGINS for provider in named)

    def check(policy: Value) -> Verdicts:
        if policy["decision"].text() not in (None, "allow") or policy["approvalRequired"].flag():
            return
        included, required = policy["includes"].items(), policy["requires"].items()
        if all(is_open(rule) or _includes_anybody(rule, {EVERYONE, COUNTRY}) for rule in required):
            rules = [rule for rule in included if is_open(rule)]
            if not rules and any(_includes_anybody(rule, {EVERYONE, COUNTRY}) for rule in included):
                rules = [rule for rule in required if is_open(rule)]
            for rule in rules:
                yield resource.attach(
                    Finding(rule.path, "a login that everybody has", "name addresses, a domain or a group")
                )

    if resource.type in APPLICATIONS:
        yield from check_each(resource["policies"].items(), check)
    else:
        yield from check(resource.props)


def _policy(policy: Value, is_public: bool = False) -> Verdicts:
    decision = policy["decision"].text()
    if decision == "deny" or (decision == "bypass" and is_public):
        return
    if decision in (None, "allow") and policy["approvalRequired"].flag():
        return
    yield from _rules(policy, {EVERYONE, COUNTRY})


def _rules(policy: Value, selectors: set[str]) -> Verdicts:
    """Report the rules that include anybody, unless a visitor must also meet a rule that does not."""
    if not all(_includes_anybody(rule, selectors) for rule in policy["requires"].items()):
        return
    rules = policy["includes"].items()
    networks = [rule.at("ip.ip").text() or "" for rule in rules]
    for rule in rules:
        if selector := _selector(rule, selectors):
            yield Finding(rule.path, selector, _REMEDY)
        elif _is_public_mail(rule):
            yield disallowed(rule.at("emailDomain.domain"), _ADDRESSES)
        elif not rule[NETWORK].absent and is_world(*networks):
            yield Finding(rule.path, rule.shown(), _REMEDY)


def _includes_anybody(rule: Value, selectors: set[str]) -> bool:
    return (
        bool(_selector(rule, selectors)) or is_world(rule.at("ip.ip").text() or "") or _is_public_mail(rule)
    )


def _is_public_mail(rule: Value) -> bool:
    domain = rule.at("emailDomain.domain").text() or ""
    return PUBLIC_MAIL.fullmatch(domain.lower().strip("@. ")) is not None


def _selector(rule: Value, selectors: set[str]) -> str | None:
    """Return the selector of a rule if it is one of these; the versions before 6 have `everyone: false`."""
    present = (name for name in sorted(selectors) if not rule[name].absent and rule[name].flag() is not False)
    return next(present, None)


def _has_paths(application: Resource) -> bool:
    """Return True if an application is for certain paths only."""
    destinations = application["destinations"].items()
    addresses = [destination["uri"].text() or "" for destination in destinations]
    if not destinations:
        addresses = application["selfHostedDomains"].texts()
    if not application["domain"].absent:
        addresses.append(application["domain"].text() or "")
    return bool(addresses) and all(map(_has_path, addresses))


def _has_path(address: str) -> bool:
    _, _, path = address.rpartition("://")[2].partition("/")
    return bool(path.strip("*/"))
