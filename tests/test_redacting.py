from __future__ import annotations

import pytest

from autarch.redacting import HIDDEN, Redactor


@pytest.mark.parametrize(
    "secret",
    [
        "sk-ant-api03-" + "a1B2" * 10,
        "sk-proj-" + "Zz9_" * 8,
        "ghp_" + "a" * 36,
        "github_pat_" + "A1" * 20,
        "AKIA" + "ABCD1234" * 2,
        "xoxb-1234567890-abcdef",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0.SflKxwRJSMeKKF2QT4",
        "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXk\n-----END OPENSSH PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----\ncut off in the midd",
    ],
)
def test_what_has_the_shape_of_a_secret_goes_though_nobody_named_it(secret):
    cleaned = Redactor().clean_all(f"before {secret}\nafter")

    assert secret[8:24] not in cleaned
    assert cleaned.startswith("before ")
    assert HIDDEN in cleaned


def test_a_password_in_a_url_goes_and_the_host_stays():
    assert Redactor().clean_all("https://me:hunter22@host/x") == f"https://{HIDDEN}@host/x"


def test_a_bearer_token_goes_whatever_its_shape():
    assert Redactor().clean_all("authorization: Bearer abcdefghijklmnop1234") == f"authorization: Bearer {HIDDEN}"


@pytest.mark.parametrize("text", ["a task-list of risk-free ideas", "sk-short", "commit " + "a" * 40, "0.00015 each"])
def test_plain_words_and_digests_stay(text):
    assert Redactor().clean_all(text) == text


def test_a_known_secret_goes_in_each_of_its_spellings():
    redactor = Redactor(['p"a/ss'])

    assert redactor.clean_all('p"a/ss p\\"a/ss p%22a%2Fss') == f"{HIDDEN} {HIDDEN} {HIDDEN}"
