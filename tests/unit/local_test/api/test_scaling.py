"""Target tracking by a clock of the test's: when instances are added and taken away, and when they are not."""

from dataclasses import dataclass, field

import pytest

from local_test.api.scaling import Policy, Tracker

POLICY = Policy(target=100, least=1, most=8)


@dataclass
class Bed:
    policy: Policy
    instances: int = 1
    now: float = 0.0
    tracker: Tracker = field(init=False)

    def __post_init__(self) -> None:
        self.tracker = Tracker(lambda: self.now)

    def minutes(self, *per_instance: float) -> list[int]:
        """How many instances there are after each."""
        counts = []
        for each in per_instance:
            self.now += 60
            self.instances = self.tracker.wanted(self.policy, self.instances, round(each * self.instances))
            counts.append(self.instances)
        return counts


def test_three_points_above_the_target_add_instances_in_proportion() -> None:
    assert Bed(POLICY).minutes(250, 250, 250) == [1, 1, 3]


def test_a_point_below_in_between_starts_anew() -> None:
    assert Bed(POLICY).minutes(250, 250, 90, 250, 250, 250) == [1, 1, 1, 1, 1, 3]


def test_no_more_than_the_most() -> None:
    assert Bed(POLICY).minutes(5000, 5000, 5000)[-1] == 8


def test_fifteen_points_well_below_take_instances_away() -> None:
    bed = Bed(POLICY, instances=4)
    assert bed.minutes(*[50] * 14) == [4] * 14
    assert bed.minutes(50) == [2]


def test_just_below_the_target_nothing_changes() -> None:
    assert set(Bed(POLICY, instances=4).minutes(*[95] * 40)) == {4}


def test_no_fewer_than_the_least() -> None:
    assert Bed(Policy(100, 2, 8), instances=4).minutes(*[0] * 15)[-1] == 2


def test_the_cooldown_of_scaling_out_is_waited_for() -> None:
    bed = Bed(Policy(100, 1, 20, out_cooldown=600))
    assert bed.minutes(*[200] * 3)[-1] == 2
    assert bed.minutes(*[200] * 9) == [2] * 9
    assert bed.minutes(200) == [4]


@pytest.mark.parametrize(("cooldown", "minutes"), [(0, 15), (1800, 30)])
def test_the_cooldown_of_scaling_in_is_waited_for(cooldown: float, minutes: int) -> None:
    bed = Bed(Policy(100, 1, 20, in_cooldown=cooldown), instances=16)
    assert bed.minutes(*[50] * 15)[-1] == 8
    assert bed.minutes(*[50] * (minutes - 1)) == [8] * (minutes - 1)
    assert bed.minutes(50) == [4]


def test_scaling_in_may_be_switched_off() -> None:
    assert Bed(Policy(100, 1, 8, scales_in=False), instances=4).minutes(*[0] * 30)[-1] == 4


@pytest.mark.parametrize(("instances", "wanted"), [(1, 3), (9, 5)])
def test_bounds_count_at_once(instances: int, wanted: int) -> None:
    assert Bed(Policy(100, 3, 5), instances=instances).minutes(50) == [wanted]
