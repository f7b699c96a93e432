"""Queue positions follow the published models."""

from __future__ import annotations

import json
from typing import Any

import pytest

from domain.errors import DomainError
from simulations.exchange.queue import (
    ProbabilityQueue,
    QueueModel,
    QueuePosition,
    RiskAverseQueue,
    fillable_lots,
    logarithmic_share,
    power_share,
)
from tests.simulations.stage import shared_data

MODELS: dict[str | None, QueueModel] = {
    None: RiskAverseQueue(),
    "PowerProb1_n1": ProbabilityQueue(power_share(1)),
    "PowerProb1_n2": ProbabilityQueue(power_share(2)),
    "LogProb2": ProbabilityQueue(logarithmic_share),
}
QUEUE_CASES = 4


def queue_cases() -> list[dict[str, Any]]:
    """Return the vectors of queue paths."""
    path = shared_data("").parent / "vectors" / "backtest_microstructure.json"
    cases = json.loads(path.read_text(encoding="utf-8"))["cases"]
    return [case for case in cases if case["function"].endswith("queue_front_path")]


def test_every_published_queue_path_is_followed() -> None:
    """Each event of each vector leaves the front where the vector says."""
    cases = queue_cases()
    assert len(cases) == QUEUE_CASES
    for case in cases:
        model = MODELS[case["inputs"].get("model")]
        position = QueuePosition(case["inputs"]["initial_front"])
        path = []
        for name, *values in case["inputs"]["events"]:
            if name == "trade":
                model.trade(position, values[0])
            else:
                assert position.level == values[0]
                model.resize(position, values[1])
            path.append(position.front)
        assert path == pytest.approx(case["expected"], abs=case["tolerance"]), case["id"]


def test_cancellations_move_a_probable_position_and_not_a_cautious_one() -> None:
    """Half the level vanishing without a trade is partly in front of us, or all behind."""
    cautious, probable = QueuePosition(10), QueuePosition(10)
    for position in (cautious, probable):
        position.level = 20.0
    RiskAverseQueue().resize(cautious, 10)
    ProbabilityQueue(power_share(1)).resize(probable, 10)
    assert (cautious.front, probable.front) == (10, 5)


@pytest.mark.parametrize(("front", "lots"), [(3.0, 0), (0.0, 0), (-0.4, 0), (-0.6, 1), (-7.0, 7)])
def test_only_what_traded_through_is_fillable(front: float, lots: int) -> None:
    """A front ahead of us fills nothing; one that was passed fills what passed it, rounded."""
    assert fillable_lots(front) == lots


def test_an_empty_queue_has_a_defined_share() -> None:
    """With nobody in the queue no share divides by zero."""
    assert logarithmic_share(0.0, 0.0) == 1
    assert power_share(2)(0.0, 0.0) == 1
    with pytest.raises(DomainError):
        power_share(0)
