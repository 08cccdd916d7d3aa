"""`python -m bench` and the `bench` command."""

from __future__ import annotations


def main() -> None:
    from bench.cli.main import run_cli

    run_cli()


if __name__ == "__main__":
    main()
