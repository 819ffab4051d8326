from __future__ import annotations

import io
import os
import threading

import pytest

from harness.patience import Outlet, patient


@pytest.fixture
def pipe():
    reader, writer = os.pipe()
    yield reader, writer
    os.close(reader)
    os.close(writer)


def test_everything_is_written_however_slowly_it_is_read(pipe):
    reader, writer = pipe
    data = bytes(range(256)) * 2000
    received = bytearray()

    def read() -> None:
        while len(received) < len(data):
            received.extend(os.read(reader, 1000))

    thread = threading.Thread(target=read)
    thread.start()
    assert Outlet(writer).write(data) == len(data)
    thread.join()
    assert bytes(received) == data


def test_a_reader_who_stopped_holds_nobody_up_once_the_writer_leaves(pipe):
    outlet = Outlet(pipe[1], grace_s=0.0)
    outlet.leave()
    with pytest.raises(BrokenPipeError):
        outlet.write(b"x" * 1_000_000)


def test_a_write_that_waits_already_hears_that_the_writer_leaves(pipe):
    outlet = Outlet(pipe[1], grace_s=0.0)
    failures = []

    def write() -> None:
        try:
            outlet.write(b"x" * 1_000_000)
        except BrokenPipeError as error:
            failures.append(error)

    thread = threading.Thread(target=write)
    thread.start()
    outlet.leave()
    thread.join(timeout=10)
    assert len(failures) == 1


def test_a_stream_without_a_descriptor_stays_itself():
    stream = io.StringIO()
    assert patient(stream) == (stream, None)


def test_a_patient_stream_writes_text_and_knows_its_descriptor(tmp_path):
    with (tmp_path / "log").open("w+", encoding="ascii") as file:
        stream, outlet = patient(file)
        stream.write("a\u202e")
        assert stream.fileno() == file.fileno() == outlet.fd
        assert not stream.isatty()
    assert (tmp_path / "log").read_text() == "a\\u202e"
