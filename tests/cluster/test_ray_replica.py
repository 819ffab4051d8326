"""What Ray's exceptions mean; they are raised by an actor of a few lines, with Ray's own words."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from harness.cluster.ray_replica import RayReplica
from harness.cluster.replica import ReplicaLostError
from harness.errors import ModelUnavailable, RejectedError, TransientError


class RayError(Exception):
    pass


class ActorDiedError(RayError):
    pass


class ActorUnavailableError(RayError):
    pass


class RayTaskError(RayError):
    def __init__(self, cause):
        self.cause = cause


class Ray:
    exceptions = SimpleNamespace(RayError=RayError, ActorDiedError=ActorDiedError, RayTaskError=RayTaskError)

    def __init__(self):
        self.cancelled = []

    def cancel(self, ref):
        self.cancelled.append(ref)

    def kill(self, actor):
        raise ValueError("it is gone already")


@pytest.fixture
def ray():
    return Ray()


def replica(ray, outcome=None):
    """Of an actor whose calls end with `outcome`; None never ends."""

    def remote(*_):
        ref = asyncio.get_running_loop().create_future()
        if isinstance(outcome, RayError):
            ref.set_exception(outcome)
        elif outcome is not None:
            ref.set_result(outcome)
        return ref

    method = SimpleNamespace(remote=remote)
    return RayReplica(ray, SimpleNamespace(answer=method, report=method))


DIED = "The actor died unexpectedly before finishing this task.\n\tclass_name: EngineActor\n"


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (
            ActorDiedError(
                f"{DIED}The actor is dead because its worker process has died. Worker exit type: SYSTEM_ERROR Worker exit "
                "detail: Worker unexpectedly exits\nwith code 2. End of file. Some common causes include: (1) memory"
            ),
            "Worker unexpectedly exits with code 2. End of file",
        ),
        (ActorDiedError(f"{DIED}The actor is dead because its node has died."), "its node has died"),
        (
            ActorDiedError(
                f"{DIED}The actor is dead because all references to the actor were removed including lineage ref count.\n"
                "The actor never ran - it was cancelled before it started running."
            ),
            (
                "the cluster ended it before it ran. RAY_AUTH_MODE and the token have to be the same here and where "
                "`ray start` ran"
            ),
        ),
        (ActorUnavailableError("rpc error 14, 20 lines"), "its node does not answer any more"),
        (RayError("The owner\nis gone."), "The owner is gone"),
        (RayError(), "RayError"),
    ],
)
async def test_a_replica_that_is_gone_says_why_in_few_words(ray, make_requests, error, why):
    with pytest.raises(ReplicaLostError) as lost:
        await replica(ray, error).answer(make_requests(1)[0], None)
    assert str(lost.value) == why


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "The actor died because of an error raised in its creation task\nModuleNotFoundError: No module named 'harness'",
            (
                "A node of the cluster cannot run replicas (ModuleNotFoundError: No module named 'harness'). Install this "
                "package with the extras `local` and `ray` on every node, the same version everywhere."
            ),
        ),
        (
            "The actor died because of an error raised in its creation task\nTypeError: odd",
            "A replica could not be made: TypeError: odd",
        ),
    ],
)
async def test_an_actor_that_cannot_be_made_is_not_tried_again(ray, text, sentence):
    with pytest.raises(ModelUnavailable) as refused:
        await replica(ray, ActorDiedError(text)).report()
    assert str(refused.value) == sentence


async def test_a_call_that_failed_in_itself_may_be_tried_again(ray, make_requests):
    with pytest.raises(TransientError, match=r"^The replica failed: KeyError: 'a'$"):
        await replica(ray, RayTaskError(KeyError("a"))).answer(make_requests(1)[0], None)


async def test_an_error_that_came_as_a_value_is_raised(ray, make_requests):
    with pytest.raises(RejectedError, match="too long"):
        await replica(ray, RejectedError("too long")).answer(make_requests(1)[0], None)


async def test_a_cancelled_call_is_cancelled_there(ray, make_requests):
    call = asyncio.ensure_future(replica(ray).answer(make_requests(1)[0], None))
    await asyncio.sleep(0)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert len(ray.cancelled) == 1


async def test_what_is_gone_already_may_be_killed(ray):
    replica(ray).kill()
