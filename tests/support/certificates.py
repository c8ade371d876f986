"""Certificates that no system trusts, for servers of tests."""

import subprocess
from pathlib import Path


def make_certificate(folder: Path, host: str) -> Path:
    """Make a certificate for the host, with its key in the same file."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    name = ["-subj", f"/CN={host}", "-addext", f"subjectAltName=DNS:{host}"]
    files = ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*command, *name, *files], check=True, capture_output=True)
    certificate.write_text(certificate.read_text() + key.read_text())
    return certificate
