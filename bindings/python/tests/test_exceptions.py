"""One exception for each kind of the project's one table of errors."""

from __future__ import annotations

import errno
import pickle

import pytest

import aivirt
from aivirt import _aivirt, exceptions
from aivirt.partition import PartitionState

ALL = [getattr(exceptions, name) for name in exceptions.__all__ if name != "AivirtError"]


def test_the_table_is_that_of_the_library() -> None:
    ours = {(cls.code, cls.kind, cls.errno, cls.is_temporary) for cls in ALL}
    assert ours == set(_aivirt.error_kinds())


def test_every_kind_derives_from_the_base_and_from_the_builtin_that_fits() -> None:
    builtins = {
        aivirt.InvalidArgumentError: ValueError,
        aivirt.NotFoundError: LookupError,
        aivirt.PermissionDeniedError: PermissionError,
        aivirt.UnsupportedError: NotImplementedError,
        aivirt.TimedOutError: TimeoutError,
        aivirt.DisconnectedError: ConnectionError,
        aivirt.AlreadyExistsError: FileExistsError,
    }
    assert all(issubclass(cls, aivirt.AivirtError) for cls in ALL)
    assert all(issubclass(cls, builtin) for cls, builtin in builtins.items())


@pytest.mark.parametrize("cls", ALL, ids=lambda cls: cls.__name__)
def test_text_and_command_survive_pickling(cls: type[aivirt.AivirtError]) -> None:
    error = cls("Partition 3 is READY; suspend needs DEPLOYED", command="suspend")
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), str(copy), copy.command) == (cls, str(error), "suspend")
    assert copy.errno == cls.errno and errno.errorcode[copy.errno]


def test_a_state_error_tells_both_states() -> None:
    error = aivirt.InvalidStateError("Partition 3 is READY; shutdown needs DEPLOYED or SUSPENDED", command="shutdown")
    assert error.state is PartitionState.READY
    assert error.needed == (PartitionState.DEPLOYED, PartitionState.SUSPENDED)
    assert aivirt.InvalidStateError("no state in it").state is None
    assert aivirt.InvalidStateError("no command").needed == ()


def test_the_state_table_is_that_of_the_library() -> None:
    table: dict[str, dict[str, str | None]] = {
        "READY": {"deploy": "DEPLOYED", "destroy-partition": None},
        "DEPLOYED": {"shutdown": "READY", "reboot": "DEPLOYED", "suspend": "SUSPENDED"},
        "SUSPENDED": {"shutdown": "READY", "restore": "DEPLOYED"},
    }
    for state in PartitionState:
        for operation in ("deploy", "shutdown", "reboot", "suspend", "restore", "destroy-partition"):
            if operation in table[state]:
                assert state.after(operation) == table[state][operation]
                assert state.allows(operation)
            else:
                with pytest.raises(aivirt.InvalidStateError) as caught:
                    state.after(operation)
                assert caught.value.state is state and not state.allows(operation)
    with pytest.raises(aivirt.InvalidArgumentError, match="no operation 'fly'|no operation \"fly\""):
        PartitionState.READY.after("fly")
    assert not PartitionState.READY.allows("fly")
