"""Facts on Cloudflare: zones and the expressions of rules."""
