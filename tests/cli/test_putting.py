"""A file that was asked for is there whole, or what was there before is."""

from __future__ import annotations

import os
import resource
import threading

import pytest

from autarch.cli.putting import put
from autarch.errors import ConfigError


@pytest.fixture
def small_files():
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.usefixtures("small_files")
def test_a_page_that_does_not_fit_leaves_nothing(tmp_path) -> None:
    with pytest.raises(ConfigError, match=r"cannot write .*report\.html: File too large; think"):
        put(tmp_path / "report.html", "x" * 101, otherwise="think")

    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("small_files")
def test_a_page_that_does_not_fit_leaves_the_one_before(tmp_path) -> None:
    page = tmp_path / "report.html"
    page.write_text("before")

    with pytest.raises(ConfigError):
        put(page, "x" * 101, otherwise="think")

    assert page.read_text() == "before"


def test_a_page_takes_the_place_and_the_mode_of_the_one_before(tmp_path) -> None:
    page, link = tmp_path / "report.html", tmp_path / "link"
    page.write_text("before")
    page.chmod(0o640)
    link.symlink_to(page)

    put(link, "a\u00e9", otherwise="think")

    assert page.read_bytes() == "a\u00e9".encode()
    assert page.stat().st_mode & 0o777 == 0o640
    assert link.is_symlink()
    assert sorted(tmp_path.iterdir()) == [link, page]


def test_a_new_page_may_be_read_by_whom_the_umask_lets(tmp_path) -> None:
    before = os.umask(0o022)
    put(tmp_path / "new", b"x", otherwise="think")
    os.umask(before)

    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o644


def test_what_is_no_file_is_written_to_and_stays(tmp_path) -> None:
    pipe, heard = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: heard.append(pipe.read_bytes()))
    reader.start()

    put(pipe, b"through", otherwise="think")
    reader.join()

    assert heard == [b"through"]
    assert pipe.is_fifo()


def test_a_folder_and_a_missing_one_are_refused_in_a_sentence(tmp_path) -> None:
    for path in (tmp_path, tmp_path / "missing" / "page"):
        with pytest.raises(ConfigError, match=r"cannot write .*; think"):
            put(path, b"x", otherwise="think")
