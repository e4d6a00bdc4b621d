import signal

import pytest

from xorlab.tracking.interrupts import held, terminable


@pytest.mark.parametrize(("number", "raised"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SystemExit)])
def test_what_is_held_is_finished_before_the_interruption(number: int, raised: type[BaseException]) -> None:
    done = []

    def work() -> None:
        with terminable(), held():
            signal.raise_signal(number)
            done.append("work")

    with pytest.raises(raised):
        work()
    assert done == ["work"]


def test_sigterm_is_an_exit_with_its_status() -> None:
    with pytest.raises(SystemExit) as caught, terminable():
        signal.raise_signal(signal.SIGTERM)
    assert caught.value.code == 143


def test_an_error_inside_is_not_hidden_and_handlers_come_back() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with pytest.raises(ZeroDivisionError), terminable(), held():
        raise ZeroDivisionError
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
