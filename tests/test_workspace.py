"""Finding a workspace and what its configuration names; secrets must be private."""

from __future__ import annotations

import pytest

from autarch.errors import ConfigError
from autarch.workspace import Config, ForgeSection, TokensSection, Workspace, parse_config, render_config

CONFIG = Config(schema=1, forge=ForgeSection(repository="local/autarch"))


@pytest.fixture(autouse=True)
def _no_ambient(monkeypatch):
    for name in ("AUTARCH_WORKSPACE", "AUTARCH_DATA_TRAIN", "AUTARCH_DATA_HOLDOUT", "AUTARCH_DATA_FORWARD"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def root(tmp_path):
    (tmp_path / ".autarch" / "tokens").mkdir(parents=True)
    (tmp_path / ".autarch" / "config.toml").write_bytes(render_config(CONFIG))
    return tmp_path


def put(path, content, mode=0o600):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    path.chmod(mode)


def test_a_configuration_reads_back_as_it_was_written():
    config = Config(schema=1, forge=ForgeSection(repository="a/b", url="http://x"), tokens=TokensSection(ci="c"))

    assert parse_config(render_config(config)) == config


def test_a_workspace_is_found_from_any_folder_below_it(root, monkeypatch):
    below = root / "strategies" / "abc"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)

    assert Workspace.find() == Workspace.find(root) == Workspace(root, CONFIG)


def test_a_named_workspace_outranks_the_working_directory_and_not_an_argument(root, monkeypatch, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    monkeypatch.chdir(elsewhere)
    monkeypatch.setenv("AUTARCH_WORKSPACE", str(root))

    assert Workspace.find().root == root
    with pytest.raises(ConfigError):
        Workspace.find(elsewhere)


def test_a_folder_that_is_no_workspace_says_how_to_make_one(tmp_path):
    with pytest.raises(ConfigError, match="autarch init"):
        Workspace.find(tmp_path)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"schema = 1\n", "forge"),
        (b"schema = 2\n[forge]\nrepository = 'a/b'\n", "schema is 2"),
        (b"schema = 1\n[forge]\nrepository = 'a/b'\nurll = 'x'\n", "urll"),
        (b"schema = 1\n[forge]\nrepository = 3\n", "repository"),
        (b"schema = \n", "not UTF-8 TOML"),
        (b"\xff", "not UTF-8 TOML"),
        (b"#" * 65_537, "bytes; at most"),
    ],
)
def test_a_malformed_configuration_is_refused_by_key(content, text):
    with pytest.raises(ConfigError, match=text):
        parse_config(content)


def test_a_running_local_forge_tells_where_it_is(root):
    workspace = Workspace.find(root)
    with pytest.raises(ConfigError, match="autarch forge serve"):
        _ = workspace.forge_url
    put(root / ".autarch" / "forge" / "url", "http://127.0.0.1:4711\n")

    assert workspace.forge_url == "http://127.0.0.1:4711"
    assert workspace.git_url == "http://127.0.0.1:4711/local/autarch.git"
    assert workspace.reading_remote().url == str(root / ".autarch" / "forge" / "repo.git")


def test_a_configured_forge_outranks_the_local_one(root):
    forge = ForgeSection(repository="me/mine", url="https://api.github.com/")
    (root / ".autarch" / "config.toml").write_bytes(render_config(Config(schema=1, forge=forge)))
    put(root / ".autarch" / "tokens" / "human", "secret\n")
    workspace = Workspace.find(root)

    assert workspace.forge_url == "https://api.github.com"
    assert workspace.git_url == "https://github.com/me/mine.git"
    assert (workspace.remote("human").token, workspace.reading_remote().token) == ("secret", "secret")


def test_a_token_others_may_read_is_refused(root):
    file = root / ".autarch" / "tokens" / "ci"
    workspace = Workspace.find(root)
    with pytest.raises(ConfigError, match="autarch init"):
        workspace.token("ci")
    put(file, "secret\n", mode=0o640)
    with pytest.raises(ConfigError, match=f"chmod 600 {file}"):
        workspace.token("ci")
    file.chmod(0o600)

    assert workspace.token("ci") == "secret"


@pytest.mark.parametrize("content", ["", "\n", "two words", "a\nb"])
def test_a_file_that_holds_no_token_is_refused(root, content):
    put(root / ".autarch" / "tokens" / "ci", content)

    with pytest.raises(ConfigError, match="holds no token"):
        Workspace.find(root).token("ci")


def test_a_key_others_may_read_is_refused(root):
    put(root / ".autarch" / "keys" / "release", "key", mode=0o644)
    with pytest.raises(ConfigError, match="0644"):
        Workspace.find(root).key("release")
    (root / ".autarch" / "keys" / "release").chmod(0o600)

    assert Workspace.find(root).key("release") == root / ".autarch" / "keys" / "release"


def test_stores_come_from_the_environment_then_the_configuration_then_the_default(root, monkeypatch):
    written = (
        render_config(CONFIG)
        .replace(b'train = ""', b'train = "bars"')
        .replace(b'holdout = ""', b'holdout = "s3://b/h"')
    )
    (root / ".autarch" / "config.toml").write_bytes(written)
    monkeypatch.setenv("AUTARCH_CACHE", "/cache")
    stores = Workspace.find(root).stores()

    assert (stores.train, stores.holdout, stores.forward) == (str(root / "bars"), "s3://b/h", "/cache/data/forward")
    monkeypatch.setenv("AUTARCH_DATA_TRAIN", "/elsewhere")
    assert Workspace.find(root).stores().train == "/elsewhere"


def test_the_hosts_folder_is_under_the_workspace(root):
    assert Workspace.find(root).host_folder == root / ".autarch" / "host"
