"""Certificates of invented servers, signed by themselves."""

import ssl
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from services.http_server import Tls


def make_certificate(folder: Path, names: Sequence[str] = ("localhost", "127.0.0.1")) -> Tls:
    """Write a certificate for these names and addresses, and its key; return their files."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "an invented gateway")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
    )
    if names:
        made = made.add_extension(x509.SubjectAlternativeName([_general(name) for name in names]), critical=False)
    files = Tls(folder / "certificate.pem", folder / "certificate-key.pem")
    signed = made.sign(key, hashes.SHA256())
    files.certificate.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    files.key.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return files


def trusting(files: Tls) -> ssl.SSLContext:
    """Return the TLS settings of a client that trusts this certificate alone."""
    return ssl.create_default_context(cafile=str(files.certificate))


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)
