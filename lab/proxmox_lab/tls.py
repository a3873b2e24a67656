"""The lab's own certificate authority and certificate, made at first start."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from proxmox_lab.site.journal import write_whole

LIFE: Final = timedelta(days=3650)
LEEWAY: Final = timedelta(days=1)
CA_KEY: Final = "ca-key.pem"


def ensure_certificates(directory: Path, *, host: str) -> None:
    """Make CA, certificate and key below ``directory`` unless they are there."""
    names = ("ca.pem", "cert.pem", "key.pem")
    if all((directory / name).exists() for name in names):
        return
    make_certificates(directory, host=host)


def make_certificates(directory: Path, *, host: str, authority: Path | None = None) -> None:
    """Make a certificate with its key below ``directory``, signed by a CA made there as well.

    With ``authority``, a folder in which such a CA lies, that one signs.
    """
    directory.mkdir(parents=True, exist_ok=True)
    ca_key = _key_in(authority / CA_KEY) if authority else ec.generate_private_key(ec.SECP256R1())
    ca = _certificate_in(authority / "ca.pem") if authority else _authority(ca_key)
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = _certificate(key, ca, ca_key, host=host)
    (directory / "ca.pem").write_bytes(_pem(ca))
    (directory / "cert.pem").write_bytes(_pem(certificate) + _pem(ca))
    write_whole(directory / CA_KEY, _secret(ca_key))
    # Last, and whole: without it all of them are made anew.
    write_whole(directory / "key.pem", _secret(key))


def _secret(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


def _key_in(file: Path) -> ec.EllipticCurvePrivateKey:
    key = serialization.load_pem_private_key(file.read_bytes(), password=None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return key


def _certificate_in(file: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(file.read_bytes())


def _authority(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    name = _name("Spawnyard lab CA")
    usage = x509.KeyUsage(
        digital_signature=True, key_cert_sign=True, crl_sign=True, content_commitment=False,
        key_encipherment=False, data_encipherment=False, key_agreement=False,
        encipher_only=False, decipher_only=False,
    )  # fmt: skip
    builder = _builder(name, name, key.public_key())
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(usage, critical=True)
    builder = builder.add_extension(
        x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
    )
    return builder.sign(key, hashes.SHA256())


def _certificate(
    key: ec.EllipticCurvePrivateKey,
    ca: x509.Certificate,
    ca_key: ec.EllipticCurvePrivateKey,
    *,
    host: str,
) -> x509.Certificate:
    builder = _builder(_name("pve"), ca.subject, key.public_key())
    builder = builder.add_extension(_alternatives(host), critical=False)
    builder = builder.add_extension(
        x509.BasicConstraints(ca=False, path_length=None), critical=True
    )
    server = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
    builder = builder.add_extension(server, critical=False)
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key())
    builder = builder.add_extension(issuer, critical=False)
    return builder.sign(ca_key, hashes.SHA256())


def _alternatives(host: str) -> x509.SubjectAlternativeName:
    names: list[x509.GeneralName] = [x509.DNSName(name) for name in ("localhost", "lab", "pve")]
    names += [x509.IPAddress(ip_address(text)) for text in ("127.0.0.1", "::1")]
    try:
        address = ip_address(host)
    except ValueError:
        names.append(x509.DNSName(host))
    else:
        names.append(x509.IPAddress(address))
    return x509.SubjectAlternativeName(list(dict.fromkeys(names)))


def _builder(
    subject: x509.Name, issuer: x509.Name, public: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - LEEWAY)
        .not_valid_after(now + LIFE)
    )


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
