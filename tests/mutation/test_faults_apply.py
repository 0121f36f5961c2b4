"""The list of faults fits today's source."""

from pathlib import Path

import pytest

from mutation.run import ROOT, Fault, chosen, faults, mutated

SPECIFICATION = {"sim/reference.py", "sim/books.py", "sim/unasked.py", "sim/standing.py"}


@pytest.mark.parametrize("fault", faults(), ids=lambda fault: fault.name)
def test_every_fault_applies(fault: Fault) -> None:
    assert fault.edit
    for edit in fault.edit:
        source = (ROOT / "src" / "narrows" / edit.file).read_text("utf-8")
        compile(mutated(source, edit), edit.file, "exec")
    for test in fault.tests:
        path, _, name = test.partition("::")
        assert f"def {name}" in (ROOT / path).read_text("utf-8")


def test_there_are_enough_and_some_that_no_comparison_of_the_two_engines_can_see() -> None:
    listed = faults()
    both = [fault for fault in listed if SPECIFICATION & {edit.file for edit in fault.edit}]
    assert len(listed) >= 20
    assert len(both) >= 6
    assert len({fault.name for fault in listed}) == len(listed)
    assert not any("parity" in test for fault in both for test in fault.tests)
    assert Path(ROOT / "src").is_dir()


def test_a_text_chooses_by_name_or_test() -> None:
    listed = faults()
    by_name, by_test = chosen(listed, ["lots are rounded"]), chosen(listed, ["tests/risk/test_adl.py"])
    assert [fault.name for fault in by_name] == ["lots are rounded up"]
    assert by_test
    assert all("tests/risk/test_adl.py" in fault.tests for fault in by_test)
    assert chosen(listed, []) == listed
    assert not chosen(listed, ["no such fault"])
