"""``vaeprivacy course contest``: make a contest, rank a folder of submissions."""

import secrets
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from vaeprivacy.cli.course import KeyFile, warn_without_key
from vaeprivacy.cli.errors import reports_errors
from vaeprivacy.cli.names import DATASETS
from vaeprivacy.cli.tables import AsJson, print_table
from vaeprivacy.cli.threads import one_thread

BOARD = "leaderboard"
app = typer.Typer(help="The contest: make one, and rank the submissions to it.")


@app.command("make")
@reports_errors()
def make(
    output: Annotated[Path, typer.Argument(help="Folder for what all teams get; it is made.")],
    key: KeyFile = None,
    name: Annotated[str | None, typer.Option(help="What it is called; by default as OUTPUT.")] = None,
    dataset: Annotated[str, typer.Option(help=f"One of {', '.join(DATASETS)}.")] = "fashion-mnist",
    practice: Annotated[int, typer.Option(help="Candidates of known membership.")] = 1000,
    final: Annotated[int, typer.Option(help="Candidates of hidden membership.")] = 4000,
    epsilon: Annotated[float, typer.Option(help="Of the release, per unit of latent distance.")] = 8.0,
) -> None:
    """Train a target and make a release with hidden members, and write what the teams get."""
    from vaeprivacy.course.contest import Contest, make_contest
    from vaeprivacy.course.variants import read_key
    from vaeprivacy.randomness import SYSTEM_ENTROPY

    one_thread()
    contest = Contest(name or output.resolve().name, dataset, practice, final, epsilon, salt=secrets.token_hex(16))
    secret = read_key(key)
    warn_without_key(key, hidden="the members")
    make_contest(contest, output, key=secret, generator=SYSTEM_ENTROPY)
    print(f"{output}: {practice:,} candidates for practice and {final:,} of hidden membership. Hand out all of it.")


@app.command("rank")
@reports_errors()
def rank(
    folder: Annotated[Path, typer.Argument(help="Folder of submissions: one .csv or .npy file each.")],
    contest: Annotated[Path, typer.Option(help="Folder that `contest make` made.")],
    key: KeyFile = None,
    output: Annotated[Path | None, typer.Option(help="Folder for the leaderboard; by default FOLDER-ranked.")] = None,
    part: Annotated[
        str,
        typer.Option(help="Candidates that decide: all, or public while it runs and hidden (the others) at the end."),
    ] = "all",
    json: AsJson = False,
) -> None:
    """Rank all submissions of a folder, beside the baselines; a broken one costs only itself."""
    from vaeprivacy.checks import check_choice
    from vaeprivacy.course.contest import read_contest
    from vaeprivacy.course.contest_entries import baselines, read_entries
    from vaeprivacy.course.gradebook import write_text
    from vaeprivacy.course.leaderboard import PARTS, as_json, as_markdown, board, part_of, rounded, standings
    from vaeprivacy.course.variants import read_key

    one_thread()
    check_choice(part, "--part", list(PARTS))
    secret, made = read_key(key), read_contest(contest)
    warn_without_key(key, hidden="the members")
    if made.proof != made.proof_of(secret):
        raise ValueError(f"This key is not the one that {contest} was made with: pass that one as --key.")
    entries, refused = read_entries(folder, made)
    output = output or folder.resolve().with_name(f"{folder.resolve().name}-ranked")
    entries += baselines(contest, made, output=output)
    public, members = made.public_half(secret), made.hidden(secret)[made.n_practice :]
    chosen = {"all": public | True, "public": public, "hidden": ~public}[part]
    table = rounded(standings(part_of(entries, chosen), members[chosen]))
    page = as_markdown(made, table, refused, n_ranked=int(chosen.sum()), part=part)
    texts = {"md": page, "csv": table.to_csv(index=False), "json": as_json(made, table, refused)}
    for suffix, text in texts.items():
        write_text(output / f"{BOARD}.{suffix}", text)
    console = Console(stderr=json)
    title = f"Leaderboard of {made.name}, on {int(chosen.sum()):,} candidates of hidden membership{PARTS[part]}"
    print_table(console, board(table), words=("name", "surely above"), spare=("surely above", "AUC"), title=title)
    for name, why in refused.items():
        console.print(f"Not ranked: {name}: {why}", markup=False)
    typer.echo(f"{output}: {', '.join(f'{BOARD}.{suffix}' for suffix in texts)}. {BOARD}.md explains.", err=json)
    if json:
        print(texts["json"])
