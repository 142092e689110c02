"""Signatures: the specification's own vector, agreement with the reference library, nothing else gets by."""

from __future__ import annotations

import base64
import hashlib
import hmac
import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook

from linkage.domain.errors import ConfigurationError, SignatureError
from linkage.domain.webhook_signature import decode_secret, sign, verify

SECRET = b"s" * 32
NOW = datetime(2026, 11, 22, 18, tzinfo=UTC)
STAMP = int(NOW.timestamp())
BODY = b'{"symbol":"BTC-USD"}'


def _accepted(
    message_id: str = "msg_1",
    timestamp: str = str(STAMP),
    signatures: str | None = None,
    body: bytes = BODY,
    secrets: tuple[bytes, ...] = (SECRET,),
    now: datetime = NOW,
) -> bool:
    given = sign("msg_1", STAMP, BODY, [SECRET]) if signatures is None else signatures
    try:
        verify(message_id, timestamp, given, body, secrets=secrets, now=now)
    except SignatureError:
        return False
    return True


def test_the_vector_of_the_specification_holds() -> None:
    secret = decode_secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    body = b'{"test": 2432232314}'
    signature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    moment = datetime.fromtimestamp(1614265330, UTC)
    assert sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body, [secret]) == signature
    verify("msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", signature, body, secrets=[secret], now=moment)


def test_two_thousand_messages_of_the_reference_library_are_accepted_and_ours_equal_its_own() -> None:
    chance = random.Random(7)
    for _ in range(2_000):
        secret = chance.randbytes(chance.randint(24, 64))
        message_id = "".join(chance.choices("abcXYZ019_-", k=chance.randint(1, 64)))
        body = "".join(chance.choices('{}":,aé€😀 \n', k=chance.randint(0, 80)))
        moment = NOW + timedelta(seconds=chance.randint(0, 10**8))
        library = Webhook(base64.b64encode(secret).decode())
        signature = library.sign(message_id, moment, body)
        verify(
            message_id,
            str(int(moment.timestamp())),
            signature,
            body.encode(),
            secrets=[secret],
            now=moment + timedelta(seconds=chance.randint(-300, 300)),
        )
        assert sign(message_id, int(moment.timestamp()), body.encode(), [secret]) == signature


def test_every_single_bit_of_id_time_body_and_signature_counts() -> None:
    parts = [b"msg_1", str(STAMP).encode(), sign("msg_1", STAMP, BODY, [SECRET]).encode(), BODY]
    assert _accepted()
    for index, part in enumerate(parts):
        for bit in range(len(part) * 8):
            flipped = bytearray(part)
            flipped[bit // 8] ^= 1 << (bit % 8)
            changed = [*parts[:index], bytes(flipped), *parts[index + 1 :]]
            message_id, timestamp, signature = (each.decode("latin-1") for each in changed[:3])
            assert not _accepted(message_id, timestamp, signature, changed[3]), (index, bit)


@pytest.mark.parametrize("seconds", [-301, 301, 86_400])
def test_a_timestamp_too_early_or_too_late_is_refused(seconds: int) -> None:
    assert not _accepted(now=NOW + timedelta(seconds=seconds))


@pytest.mark.parametrize("seconds", [-300, 0, 300])
def test_five_minutes_either_way_are_tolerated(seconds: int) -> None:
    assert _accepted(now=NOW + timedelta(seconds=seconds))


@pytest.mark.parametrize("message_id", ["", "a.b", "a b", "ä", "x" * 65, "msg_1\n", " msg_1"], ids=repr)
def test_an_id_outside_the_pattern_is_refused_even_if_it_is_signed(message_id: str) -> None:
    signed = b".".join((message_id.encode(), str(STAMP).encode(), BODY))
    mac = base64.b64encode(hmac.new(SECRET, signed, hashlib.sha256).digest()).decode()
    assert not _accepted(message_id, signatures=f"v1,{mac}")


@pytest.mark.parametrize(
    "timestamp", ["", "1", f"0{STAMP}", f"{STAMP}.0", f"+{STAMP}", f" {STAMP}", "١٧٩٥٣٧٠٤٠٠", "NaN"]
)
def test_a_timestamp_is_ten_ascii_digits(timestamp: str) -> None:
    signed = b".".join((b"msg_1", timestamp.encode(), BODY))
    mac = base64.b64encode(hmac.new(SECRET, signed, hashlib.sha256).digest()).decode()
    assert not _accepted(timestamp=timestamp, signatures=f"v1,{mac}")


def test_one_right_signature_among_ten_suffices_and_eleven_are_too_many() -> None:
    right = sign("msg_1", STAMP, BODY, [SECRET])
    assert _accepted(signatures=" ".join(["v1,AAAA"] * 9 + [right]))
    assert not _accepted(signatures=" ".join([right] * 11))


def test_a_base64_text_has_one_spelling_only() -> None:
    right = sign("msg_1", STAMP, BODY, [SECRET])
    last = right[-2]
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    sibling = right[:-2] + alphabet[alphabet.index(last) ^ 1] + "="
    assert base64.b64decode(sibling[3:]) == base64.b64decode(right[3:])
    assert not _accepted(signatures=sibling)
    assert not _accepted(signatures=right.rstrip("="))
    assert not _accepted(signatures=right + "\n")


def test_another_version_is_no_signature() -> None:
    right = sign("msg_1", STAMP, BODY, [SECRET])
    assert not _accepted(signatures="v1a" + right[2:])
    assert not _accepted(signatures=right[3:])


def test_while_keys_are_rotated_each_side_may_lag() -> None:
    old, new = b"o" * 48, b"n" * 48
    both = sign("msg_1", STAMP, BODY, [new, old])
    assert _accepted(signatures=both, secrets=(old,))
    assert _accepted(signatures=sign("msg_1", STAMP, BODY, [old]), secrets=(new, old))
    assert not _accepted(signatures=sign("msg_1", STAMP, BODY, [old]), secrets=(new,))


def test_without_any_secret_nothing_is_accepted() -> None:
    assert not _accepted(secrets=())


@given(st.text(max_size=80), st.text(max_size=20), st.text(max_size=200), st.binary(max_size=50))
def test_hostile_headers_raise_nothing_but_a_signature_error(
    message_id: str, timestamp: str, signatures: str, body: bytes
) -> None:
    assert not _accepted(message_id, timestamp, signatures, body)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "whsec_",
        "whsec_QQ==",
        "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "whsec_%%%",
        "whsec_" + "A" * 88,
        "whsec_ä",
    ],
)
def test_a_secret_that_is_weak_or_malformed_is_a_configuration_error(text: str) -> None:
    with pytest.raises(ConfigurationError):
        decode_secret(text)
