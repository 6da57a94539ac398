"""Certificates for tests."""

import datetime
import ipaddress

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID


class Authority:
    """A certificate authority that signs certificates for localhost and 127.0.0.1; its own one is in ca.crt."""

    def __init__(self, folder, name):
        self._folder, self._key = folder, ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.file = folder / "ca.crt"
        self.file.write_bytes(
            self._sign(self._name, self._key.public_key(), authority=True).public_bytes(Encoding.PEM)
        )

    def _sign(self, subject, public_key, *, authority=False, days=(0, 1), addresses=("127.0.0.1",)):
        now = datetime.datetime.now(datetime.UTC)
        begins, ends = (now + datetime.timedelta(day) for day in days)
        builder = x509.CertificateBuilder(
            self._name,
            subject,
            public_key,
            x509.random_serial_number(),
            begins,
            ends,
        )
        builder = builder.add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        builder = builder.add_extension(
            x509.SubjectAlternativeName(
                [x509.DNSName("localhost"), *(x509.IPAddress(ipaddress.ip_address(one)) for one in addresses)]
            ),
            critical=False,
        )
        return builder.sign(self._key, hashes.SHA256())

    def issue(self, name, *, days=(0, 1), addresses=("127.0.0.1",)):
        """Write name.crt and name.key, valid from and until so many days from now; return both paths.

        The name of a server is localhost, beside its addresses.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        crt, pem = self._folder / f"{name}.crt", self._folder / f"{name}.key"
        crt.write_bytes(
            self._sign(subject, key.public_key(), days=days, addresses=addresses).public_bytes(Encoding.PEM)
        )
        pem.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return crt, pem
