"""The workers' agents: each decodes, decides by the domain, and delivers."""
