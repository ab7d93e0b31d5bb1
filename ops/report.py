"""What ``ops up`` says at its end."""

from rich.console import Console

from ops.up import UpResult


def show_up(result: UpResult, console: Console) -> None:
    """Print endpoints, whereabouts of credentials, and times."""
    outputs = result.outputs
    changes = ", ".join(f"{count} {op}" for op, count in result.changes.items()) or "nothing"
    lines = [
        f"stack {result.stack} is up: {changes}",
        f"  SCRAM over TLS      {outputs.bootstrap_servers}",
        f"  mutual TLS          {outputs.mtls_bootstrap_servers}",
        f"  in Kubernetes       {outputs.internal_bootstrap_servers}",
        f"  credentials         Secrets kafka-client-SERVICE in namespace {outputs.namespace}; here: "
        "`.venv/bin/python -m ops client SERVICE --out DIR`",
        f"  services            {', '.join(outputs.services)}",
        "  Pulumi CLI          `. .state/env`",
    ]
    if result.smoke is not None:
        lines.append(
            f"  smoke test          {result.smoke.records} records out and back, plaintext refused by "
            f"{len(result.smoke.plaintext_refused)} addresses"
        )
    if result.first_ack_seconds is not None:
        lines.append(f"  first acked record  {result.first_ack_seconds:.1f} s after the start of this command")
    times = ", ".join(f"{phase.name} {phase.seconds:.1f} s" for phase in result.phases.ended)
    lines.append(f"  times               {times}; {result.phases.elapsed:.1f} s in all")
    for line in lines:
        console.print(line, markup=False, soft_wrap=True)
