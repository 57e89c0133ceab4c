"""The tree: proofs lead to the root, anything tampered leads elsewhere, a frontier is enough."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.merkle import (
    EMPTY_ROOT,
    Frontier,
    inclusion_proof,
    leaf_hash,
    node_hash,
    root_from_inclusion,
    root_of,
)

leaf_hashes = st.lists(st.binary(max_size=6), min_size=1, max_size=80).map(
    lambda leaves: [leaf_hash(bytes([n]) + leaf) for n, leaf in enumerate(leaves)]
)


def by_definition(hashes: list[bytes]) -> bytes:
    """MTH of RFC 6962 section 2.1, word for word."""
    if not hashes:
        return sha256(b"").digest()
    if len(hashes) == 1:
        return hashes[0]
    half = 1
    while half * 2 < len(hashes):
        half *= 2
    left, right = by_definition(hashes[:half]), by_definition(hashes[half:])
    return sha256(b"\x01" + left + right).digest()


@given(leaf_hashes)
def test_the_root_is_the_one_of_the_definition(hashes: list[bytes]) -> None:
    assert root_of(hashes) == by_definition(hashes)
    assert root_of([]) == EMPTY_ROOT == Frontier().root


@given(leaf_hashes, st.data())
def test_appending_to_a_frontier_gives_the_root_of_the_whole(
    hashes: list[bytes], data: st.DataObject
) -> None:
    cut = data.draw(st.integers(0, len(hashes)))
    first = Frontier().extended(hashes[:cut])
    assert first.root == root_of(hashes[:cut])
    whole = Frontier.from_bytes(first.to_bytes()).extended(hashes[cut:])
    assert whole.root == by_definition(hashes)
    assert whole == Frontier().extended(hashes) and hash(whole) == hash(whole.extended([]))
    assert first == Frontier().extended(hashes[:cut]), "extending must not change the old one"


@given(leaf_hashes, st.data())
def test_an_inclusion_proof_leads_to_the_root(hashes: list[bytes], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(hashes) - 1))
    proof = inclusion_proof(hashes, index)
    assert root_from_inclusion(hashes[index], index, len(hashes), proof) == root_of(hashes)


def leads_there(leaf: bytes, place: tuple[int, int], proof: list[bytes], root: bytes) -> bool:
    try:
        return root_from_inclusion(leaf, *place, proof) == root
    except ValueError:
        return False


@given(leaf_hashes, st.data())
def test_no_tampered_proof_leads_to_the_root(hashes: list[bytes], data: st.DataObject) -> None:
    size, root = len(hashes), root_of(hashes)
    index = data.draw(st.integers(0, size - 1))
    leaf, proof = hashes[index], inclusion_proof(hashes, index)
    assert not leads_there(bytes(32), (index, size), proof, root)
    assert not leads_there(leaf, (index, size), [*proof, bytes(32)], root)
    other = data.draw(st.integers(0, size - 1).filter(lambda n: n != index)) if size > 1 else size
    assert not leads_there(leaf, (other, size), proof, root)
    if proof:
        place = data.draw(st.integers(0, len(proof) - 1))
        flipped = bytes([proof[place][0] ^ 1]) + proof[place][1:]
        assert not leads_there(
            leaf, (index, size), [*proof[:place], flipped, *proof[place + 1 :]], root
        )
        assert not leads_there(leaf, (index, size), proof[:-1], root)


@given(leaf_hashes, st.data())
def test_loss_reorder_edit_and_insertion_all_change_the_root(
    hashes: list[bytes], data: st.DataObject
) -> None:
    root, index = root_of(hashes), data.draw(st.integers(0, len(hashes) - 1))
    assert root_of(hashes[:index] + hashes[index + 1 :]) != root
    assert root_of([*hashes[:index], leaf_hash(b"new"), *hashes[index:]]) != root
    assert root_of([*hashes[:index], leaf_hash(b"new"), *hashes[index + 1 :]]) != root
    if index:
        swapped = [*hashes]
        swapped[index - 1], swapped[index] = swapped[index], swapped[index - 1]
        assert root_of(swapped) != root


def test_a_leaf_can_never_pass_for_a_node() -> None:
    left, right = leaf_hash(b"a"), leaf_hash(b"b")
    assert leaf_hash(left + right) != node_hash(left, right)


@pytest.mark.parametrize("place", [(-1, 3), (3, 3), (0, 0)])
def test_a_place_outside_the_tree_is_refused(place: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="outside"):
        root_from_inclusion(bytes(32), *place, [])
    with pytest.raises(IndexError):
        inclusion_proof([bytes(32)] * place[1], place[0])


@pytest.mark.parametrize("raw", [b"", bytes(7), bytes(8) + b"x", bytes(8) + bytes(32)])
def test_bytes_that_are_no_frontier_are_refused(raw: bytes) -> None:
    with pytest.raises(ValueError, match="frontier"):
        Frontier.from_bytes(raw)
    with pytest.raises(ValueError, match="frontier"):
        Frontier(-1)
