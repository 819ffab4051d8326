from __future__ import annotations

import asyncio
import subprocess
import sys
import threading

import pytest

from harness.cluster.threads import StayingThread, in_thread


async def test_what_a_function_returns_or_raises_comes_from_another_thread():
    assert await in_thread(threading.current_thread) is not threading.current_thread()

    def fail():
        raise KeyError("no such node")

    with pytest.raises(KeyError, match="no such node"):
        await in_thread(fail)


async def test_even_what_ends_a_thread_reaches_the_caller():
    def leave():
        raise SystemExit(3)

    with pytest.raises(SystemExit):
        await in_thread(leave)


async def test_who_is_cancelled_waits_no_more_while_the_call_goes_on():
    gate, called, complaints = threading.Event(), threading.Event(), []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    thread = StayingThread("stays")

    def call():
        gate.wait(5.0)
        called.set()

    waiting = asyncio.ensure_future(thread.call(call))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert not called.is_set()
    gate.set()
    # What comes after it in the same thread is told after it.
    assert await thread.call(called.is_set)
    assert complaints == []


async def test_calls_that_hang_hold_up_no_other_calls():
    gate = threading.Event()
    hanging = [asyncio.ensure_future(in_thread(gate.wait)) for _ in range(40)]
    assert await in_thread(lambda: "here") == "here"
    gate.set()
    assert await asyncio.gather(*hanging) == [True] * 40


async def test_a_staying_thread_is_one_and_does_one_after_the_other():
    thread, order = StayingThread("stays"), []

    async def call(number):
        return await thread.call(lambda: (order.append(number), threading.current_thread())[1])

    threads = await asyncio.gather(*(call(number) for number in range(5)))
    assert order == [0, 1, 2, 3, 4]
    assert len(set(threads)) == 1
    assert threads[0].name == "stays"
    assert threads[0].daemon


async def test_a_staying_thread_outlives_what_fails_in_it():
    thread = StayingThread("stays")
    with pytest.raises(ZeroDivisionError):
        await thread.call(lambda: 1 / 0)
    assert await thread.call(lambda: "here") == "here"


def test_a_call_that_hangs_keeps_no_process_from_ending_and_its_late_end_hurts_nobody():
    code = (
        "import asyncio, threading, time\n"
        "from harness.cluster.threads import StayingThread, in_thread\n"
        "gate = threading.Event()\n"
        "async def main():\n"
        "    asyncio.ensure_future(in_thread(gate.wait))\n"
        "    asyncio.ensure_future(in_thread(lambda: time.sleep(1000)))\n"
        "    asyncio.ensure_future(StayingThread('stays').call(lambda: time.sleep(1000)))\n"
        "    await asyncio.sleep(0.01)\n"
        "asyncio.run(main())\n"
        "gate.set()\n"
        "time.sleep(0.05)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=20, check=False)
    assert (done.returncode, done.stderr) == (0, "")
