"""Tokens for Kafka: kept, renewed in time, and what happens while none can be had; Amazon MSK's, offline."""

import asyncio
import base64
import threading
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qs, urlsplit

import pytest

from stream.connections import (
    PAUSE_SECONDS,
    NoToken,
    Token,
    Tokens,
    aiokafka_options,
    kafka_python_options,
    sign_for_msk,
)
from stream.settings import Settings, load


class Endpoint:
    """Gives out tokens that are good for a hundred seconds, or none."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.asked = 0
        self.away = False

    def __call__(self) -> Token:
        """Return one out."""
        self.asked += 1
        if self.away:
            raise NoToken("The token endpoint is away.")
        return Token(f"token {self.asked}", self.now, self.now + 100)


@pytest.fixture
def endpoint() -> Endpoint:
    """One that answers."""
    return Endpoint()


@pytest.fixture
def tokens(endpoint: Endpoint) -> Tokens:
    """What keeps its tokens, by its clock."""
    return Tokens(endpoint, lambda: endpoint.now)


def test_a_token_is_shown_until_a_fifth_of_its_time_is_left(endpoint: Endpoint, tokens: Tokens) -> None:
    """Then there is another."""
    assert {tokens.current() for _ in range(5)} == {"token 1"}
    endpoint.now += 79
    assert tokens.current() == "token 1"
    endpoint.now += 1
    assert tokens.current() == "token 2"


def test_one_that_is_still_good_is_shown_while_none_can_be_had(
    endpoint: Endpoint, tokens: Tokens, caplog: pytest.LogCaptureFixture
) -> None:
    """To its end, and no longer; it is asked again after a pause, and said each time."""
    tokens.current()
    endpoint.now, endpoint.away = endpoint.now + 90, True
    assert {tokens.current() for _ in range(5)} == {"token 1"}
    assert (endpoint.asked, len(caplog.records)) == (2, 1)
    endpoint.now += PAUSE_SECONDS
    assert tokens.current() == "token 1"
    assert endpoint.asked == 3
    endpoint.now += 10
    with pytest.raises(NoToken, match="is away"):
        tokens.current()
    endpoint.now, endpoint.away = endpoint.now + PAUSE_SECONDS, False
    assert tokens.current() == "token 5"


def test_without_any_it_fails_and_is_asked_again_after_a_pause(
    endpoint: Endpoint, tokens: Tokens, caplog: pytest.LogCaptureFixture
) -> None:
    """Every connection to every broker asks; the endpoint is not asked each time, and the log stays empty."""
    endpoint.away = True
    for _ in range(5):
        with pytest.raises(NoToken):
            tokens.current()
    assert (endpoint.asked, len(caplog.records)) == (1, 0)
    endpoint.now, endpoint.away = endpoint.now + PAUSE_SECONDS, False
    assert tokens.current() == "token 2"


def test_many_connections_at_once_ask_once() -> None:
    """The others wait for the same answer."""
    asked, answer = [], threading.Event()

    def fetch() -> Token:
        asked.append(1)
        answer.wait(10)
        return Token("t", 0.0, 1e12)

    tokens = Tokens(fetch)
    with ThreadPoolExecutor(8) as pool:
        found = [pool.submit(tokens.current) for _ in range(8)]
        answer.set()
        assert {one.result() for one in found} == {"t"}
    assert len(asked) == 1


MSK = {
    "ACCESSWATCH_KAFKA": "b-1.agency.kafka.ap-southeast-6.amazonaws.com:9098", "ACCESSWATCH_KAFKA_SECURITY": "SASL_SSL",
    "ACCESSWATCH_KAFKA_SASL_MECHANISM": "AWS_MSK_IAM", "ACCESSWATCH_KAFKA_AWS_REGION": "ap-southeast-6",
}  # fmt: skip


@pytest.fixture
def _aws(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys of nobody, and nothing else of AWS."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIANOBODY")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "of nobody")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")


@pytest.mark.usefixtures("_aws")
def test_a_token_for_msk_is_a_signed_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """As AWS documents it: base64 of an address that allows to connect, for a quarter of an hour, signed by our key."""
    token = sign_for_msk("ap-southeast-6")
    assert 800 < token.ends_at - token.got_at <= 900
    address = base64.urlsafe_b64decode(token.value + "=" * (-len(token.value) % 4)).decode()
    query = parse_qs(urlsplit(address).query)
    assert urlsplit(address).hostname == "kafka.ap-southeast-6.amazonaws.com"
    assert (query["Action"], query["X-Amz-Expires"]) == (["kafka-cluster:Connect"], ["900"])
    assert query["X-Amz-Credential"][0].startswith("AKIANOBODY/")
    assert len(query["X-Amz-Signature"][0]) == 64
    assert "nobody" not in address
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    with pytest.raises(NoToken, match="AWS credentials must be found here"):
        sign_for_msk("ap-southeast-6")


@pytest.mark.usefixtures("_aws")
async def test_both_clients_show_msk_its_token_as_a_bearers() -> None:
    """The same one, since they share where it is kept."""
    settings: Settings = load(MSK)
    ours, theirs = aiokafka_options(settings), kafka_python_options(settings)
    assert (ours["sasl_mechanism"], theirs["sasl_mechanism"]) == ("OAUTHBEARER", "OAUTHBEARER")
    shown = await ours["sasl_oauth_token_provider"].token()
    assert shown == await asyncio.to_thread(theirs["sasl_oauth_token_provider"].token)
    assert "sasl_plain_password" not in ours
