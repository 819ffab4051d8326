from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.cluster.needs import CPU, GPU, Node, Placement, Wanted, amounts, described, fit_together, fitting, place
from harness.errors import UsageError

PLAIN = [Node("one", {CPU: 8.0, "memory": 3e10}), Node("two", {CPU: 4.0})]
WITH_GPUS = [Node("big", {CPU: 16.0, GPU: 4.0, "accelerator_type:H100": 1.0}), Node("small", {CPU: 2.0, GPU: 1.0})]


def wanted(**facts):
    return Wanted("org/model", **facts)


@pytest.mark.parametrize(
    ("asked", "nodes", "placed"),
    [
        ({}, PLAIN, Placement(2, {CPU: 4.0}, "cpu")),
        ({"replicas": 1}, PLAIN, Placement(1, {CPU: 8.0}, "cpu")),
        ({"replicas": 3}, PLAIN, Placement(3, {CPU: 4.0}, "cpu")),
        ({"replicas": 4}, PLAIN, Placement(4, {CPU: 2.0}, "cpu")),
        ({"replicas": 12}, PLAIN, Placement(12, {CPU: 1.0}, "cpu")),
        ({"replicas": 2}, [Node("a", {CPU: 1.9}), Node("b", {CPU: 2.9})], Placement(2, {CPU: 1.0}, "cpu")),
        ({"device": "mps"}, PLAIN[:1], Placement(1, {CPU: 8.0}, "mps")),
        ({}, WITH_GPUS, Placement(5, {GPU: 1.0, CPU: 1.0}, "cuda")),
        ({"replicas": 2}, WITH_GPUS, Placement(2, {GPU: 1.0, CPU: 1.0}, "cuda")),
        ({"device": "cpu", "replicas": 2}, WITH_GPUS, Placement(2, {CPU: 8.0}, "cpu")),
        ({"resources": {GPU: 0.5}}, WITH_GPUS, Placement(10, {GPU: 0.5}, "cuda")),
        ({"resources": {GPU: 2.0, CPU: 4.0}}, WITH_GPUS, Placement(2, {GPU: 2.0, CPU: 4.0}, "cuda")),
        ({"resources": {GPU: 1.0}, "device": "cpu"}, WITH_GPUS, Placement(5, {GPU: 1.0}, "cpu")),
        ({"resources": {CPU: 3.0}, "device": "cpu"}, PLAIN, Placement(3, {CPU: 3.0}, "cpu")),
        ({"resources": {"lab": 1.0}}, [Node("a", {"lab": 2.0}), *PLAIN], Placement(2, {"lab": 1.0}, "auto")),
    ],
)
def test_a_model_is_spread_over_what_there_is(asked, nodes, placed):
    assert place(wanted(**asked), nodes) == placed


def test_a_tenth_of_a_gpu_fits_ten_times():
    """0.1 ten times is not 1 in floating point."""
    assert fitting({GPU: 1.0}, {GPU: 0.1}) == 10
    assert fitting({GPU: 0.3}, {GPU: 0.1}) == 3


@pytest.mark.parametrize(
    ("asked", "nodes", "sentence"),
    [
        (
            {"device": "cuda"},
            PLAIN,
            (
                "org/model asks for a replica with CPU 1, GPU 1, and the cluster has room for 0: one with CPU 8; two with "
                "CPU 4. Ask for other `resources`, or device: cpu, or add nodes."
            ),
        ),
        (
            {"device": "cuda", "replicas": 6},
            WITH_GPUS,
            (
                "org/model asks for 6 replicas with CPU 1, GPU 1 each, and the cluster has room for 5: big with CPU 16, "
                "GPU 4; small with CPU 2, GPU 1. Set replicas: 5 or less, or device: cpu, or add nodes."
            ),
        ),
        (
            {"replicas": 13},
            PLAIN,
            (
                "org/model asks for 13 replicas with CPU 1 each, and the cluster has room for 12: one with CPU 8; two with "
                "CPU 4. Set replicas: 12 or less, or add nodes."
            ),
        ),
        (
            {"resources": {"tpu": 1.0}, "replicas": 2},
            PLAIN,
            (
                "org/model asks for 2 replicas with tpu 1 each, and the cluster has room for 0: one with CPU 8; two with "
                "CPU 4. Ask for other `resources`, or add nodes."
            ),
        ),
        (
            {"resources": {GPU: 8.0}, "replicas": 1},
            WITH_GPUS,
            (
                "org/model asks for a replica with GPU 8, and the cluster has room for 0: big with CPU 16, GPU 4; small "
                "with CPU 2, GPU 1. Ask for other `resources`, or add nodes."
            ),
        ),
        (
            {},
            [],
            (
                "org/model asks for a replica with CPU 1, and the cluster has room for 0: no node that is alive. Ask for "
                "other `resources`, or add nodes."
            ),
        ),
    ],
)
def test_what_has_no_room_is_refused_with_what_the_cluster_has(asked, nodes, sentence):
    with pytest.raises(UsageError) as refused:
        place(wanted(**asked), nodes)
    assert str(refused.value) == sentence


def test_a_gpu_by_its_number_is_refused():
    with pytest.raises(UsageError, match=r"a GPU of its own, so that there is no device: cuda:1.*Write device: cuda\."):
        place(wanted(device="cuda:1"), WITH_GPUS)


def test_part_of_a_gpu_is_not_enough_for_auto():
    assert place(wanted(), [Node("a", {CPU: 2.0, GPU: 0.5})]).device == "cpu"


def test_many_nodes_are_told_together_and_without_what_ray_counts_for_itself():
    assert described(PLAIN) == "one with CPU 8; two with CPU 4"
    assert described([Node(f"n{i}", {CPU: 8.0, "node:1": 1.0, "lab": 0.5}) for i in range(7)]) == (
        "7 nodes with CPU 56, lab 3.5 together"
    )
    assert amounts({"memory": 3e10, "object_store_memory": 1e9}) == "nothing to give"


CORES = st.lists(st.integers(0, 12), max_size=5).map(
    lambda cores: [Node(f"n{index}", {CPU: float(number)}) for index, number in enumerate(cores)]
)
TAKES = st.dictionaries(
    st.sampled_from([CPU, GPU, "lab"]), st.sampled_from([0.1, 0.25, 0.5, 1.0, 2.0, 3.0]), min_size=1
)
NODES = st.lists(
    st.dictionaries(st.sampled_from([CPU, GPU, "lab"]), st.integers(0, 6).map(float)).map(lambda has: Node("n", has)),
    max_size=5,
)


@given(nodes=CORES, replicas=st.none() | st.integers(1, 40))
def test_cores_are_shared_as_far_as_every_node_allows(nodes, replicas):
    cores = [int(node.resources[CPU]) for node in nodes]
    if (replicas or 1) > sum(cores):
        with pytest.raises(UsageError, match=f"room for {sum(cores)}:"):
            place(wanted(device="cpu", replicas=replicas), nodes)
        return
    placed = place(wanted(device="cpu", replicas=replicas), nodes)
    each = int(placed.resources[CPU])
    assert placed.replicas == (replicas or sum(number > 0 for number in cores))
    assert fit_together([placed], nodes)
    assert sum(number // (each + 1) for number in cores) < placed.replicas


@given(nodes=NODES, takes=TAKES, replicas=st.none() | st.integers(1, 40))
def test_never_more_replicas_than_fit_and_auto_is_all_that_do(nodes, takes, replicas):
    try:
        placed = place(wanted(resources=takes, replicas=replicas), nodes)
    except UsageError as refused:
        room = int(re.search(r"room for (\d+):", str(refused)).group(1))
        assert room < (replicas or 1)
        assert not fit_together([Placement(room + 1, takes, "auto")], nodes)
        return
    assert placed.resources == takes
    assert fit_together([placed], nodes)
    if replicas is None:
        assert not fit_together([Placement(placed.replicas + 1, takes, "auto")], nodes)
    else:
        assert placed.replicas == replicas


@given(nodes=NODES, each=st.lists(st.tuples(st.integers(1, 3), TAKES), max_size=4))
def test_what_fits_together_overfills_no_resource(nodes, each):
    placements = [Placement(count, takes, "auto") for count, takes in each]
    if fit_together(placements, nodes):
        for name in (CPU, GPU, "lab"):
            has = sum(node.resources.get(name, 0.0) for node in nodes)
            assert sum(count * takes.get(name, 0.0) for count, takes in each) <= has + 1e-3
