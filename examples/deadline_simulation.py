# python examples/deadline_simulation.py
"""How the policies set the budget of a task whose demand triples for ten seconds: on the simulator, no rights needed."""

from __future__ import annotations

from aivirt import deadline

SECOND_NS = 1_000_000_000


def main() -> None:
    print(f"{'policy':12} {'settled':>9} {'late jobs':>10} {'reserved above use':>19} {'changes':>8}")
    for kind in deadline.POLICY_KINDS:
        config = deadline.PolicyConfig(kind=kind, period_ns=100_000_000, runtime_ns=20_000_000)
        trace = deadline.simulate(config, "step", length_ns=30 * SECOND_NS)
        settled = "never" if trace.settled_ns is None else f"{trace.settled_ns / SECOND_NS:.1f} s"
        late = f"{trace.late_jobs} of {len(trace.release_ns)}"
        print(f"{kind:12} {settled:>9} {late:>10} {trace.over_allocation_percent or 0:>17} % {len(trace.runtime_ns) - 1:>8}")


if __name__ == "__main__":
    main()
