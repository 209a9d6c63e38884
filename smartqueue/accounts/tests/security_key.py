"""A device that holds passkeys, in software: it makes keys and signs as WebAuthn says."""

import hashlib
import secrets
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from fido2.cose import ES256
from fido2.utils import websafe_decode, websafe_encode
from fido2.webauthn import (
    Aaguid,
    AttestationObject,
    AttestedCredentialData,
    AuthenticatorData,
    CollectedClientData,
)

ORIGIN = "http://localhost:8000"
FLAG = AuthenticatorData.FLAG


class SecurityKey:
    """One credential; what a test wants to be wrong is set on it before it answers."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.credential_id = secrets.token_bytes(32)
        self.rp_id = "localhost"
        self.origin = ORIGIN
        self.count = 1
        self.counts = True
        self.verifies = True
        self.is_cross_origin = False
        self.type: str | None = None
        self.user_handle = ""
        self.algorithm: int | None = None

    def make(self, options: dict[str, Any]) -> dict[str, Any]:
        """Answer to the options of a registration."""
        self.user_handle = options["user"]["id"]
        public = dict(ES256.from_cryptography_key(self.key.public_key()))
        if self.algorithm is not None:
            public[3] = self.algorithm
        attested = AttestedCredentialData.create(Aaguid.NONE, self.credential_id, ES256(public))
        data = self._data(FLAG.AT, attested)
        client = self._client(options, CollectedClientData.TYPE.CREATE)
        return self._answer(
            {
                "clientDataJSON": websafe_encode(client),
                "attestationObject": websafe_encode(AttestationObject.create("none", data, {})),
                "transports": ["internal", "hybrid", "pigeon"],
            },
            {"credProps": {"rk": True}},
        )

    def sign(self, options: dict[str, Any]) -> dict[str, Any]:
        """Answer to the options of a sign-in."""
        if self.counts:
            self.count += 1
        data = self._data(FLAG(0))
        client = self._client(options, CollectedClientData.TYPE.GET)
        signed = data + hashlib.sha256(client).digest()
        return self._answer(
            {
                "clientDataJSON": websafe_encode(client),
                "authenticatorData": websafe_encode(data),
                "signature": websafe_encode(self.key.sign(signed, ec.ECDSA(SHA256()))),
                "userHandle": self.user_handle or None,
            },
            {},
        )

    def _data(self, flags: AuthenticatorData.FLAG, attested: bytes = b"") -> AuthenticatorData:
        flags |= FLAG.UP | (FLAG.UV if self.verifies else FLAG(0))
        rp_id_hash = hashlib.sha256(self.rp_id.encode()).digest()
        count = self.count if self.counts else 0
        return AuthenticatorData.create(rp_id_hash, flags, count, attested)

    def _client(self, options: dict[str, Any], usual: str) -> CollectedClientData:
        return CollectedClientData.create(
            self.type or usual,
            websafe_decode(options["challenge"]),
            self.origin,
            cross_origin=self.is_cross_origin,
        )

    def _answer(self, response: dict[str, Any], extensions: dict[str, Any]) -> dict[str, Any]:
        name = websafe_encode(self.credential_id)
        return {
            "id": name,
            "rawId": name,
            "type": "public-key",
            "response": response,
            "clientExtensionResults": extensions,
        }
