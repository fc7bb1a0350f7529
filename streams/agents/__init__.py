"""The workers' agents: each decodes records, decides by the domain, and sends what follows."""
