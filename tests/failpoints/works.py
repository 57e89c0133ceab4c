"""What both programs do beside the exchange of logs, and the points that each work meets."""

from __future__ import annotations

from tests.failpoints import carried, files, rare
from tests.failpoints.work import Work, nothing

WORKS = (
    Work(
        "a scan is kept",
        ("file.kept", "file.renamed", "file.named"),
        nothing,
        files.keeps,
        files.files_are_whole,
        files.files_are_there,
    ),
    Work(
        "files go up, the hall ends",
        ("file.sent", "file.delivered"),
        files.attach,
        files.moves,
        files.files_are_whole,
        files.files_are_there,
    ),
    Work(
        "files go up, the center ends",
        ("file.piece_kept", "file.renamed", "file.named", "file.noted"),
        files.attach,
        files.takes,
        files.files_are_whole,
        files.files_are_there,
    ),
    Work(
        "files come down",
        ("file.fetched", "file.piece_kept", "file.named", "file.noted"),
        files.hand_over,
        files.moves,
        files.files_are_whole,
        files.files_are_there,
    ),
    Work(
        "a stick is written at the hall",
        ("stick.written", "stick.renamed", "stick.indexed"),
        carried.more,
        carried.exports_up,
    ),
    Work(
        "a stick is written at the center", ("stick.renamed",), carried.more, carried.exports_down
    ),
    Work(
        "a stick is taken in at the center",
        ("stick.read", "stick.taken"),
        carried.exported,
        carried.imports_up,
    ),
    Work(
        "a stick is taken in at the hall",
        ("stick.read", "stick.taken"),
        carried.exported,
        carried.imports_down,
    ),
    Work(
        "the hall is kept",
        ("backup.written", "backup.read_again", "backup.renamed", "backup.removed"),
        carried.with_restore_keys,
        carried.backs_up("hall"),
        carried.backups_are_whole,
    ),
    Work(
        "the center is kept",
        ("backup.written", "backup.renamed"),
        carried.with_restore_keys,
        carried.backs_up("center"),
        carried.backups_are_whole,
    ),
    Work(
        "the hall is put back",
        ("restore.written", "restore.checked", "restore.renamed"),
        nothing,
        carried.puts_back("hall"),
        finish=carried.is_back("hall"),
    ),
    Work(
        "the center is put back",
        ("restore.checked", "restore.renamed"),
        nothing,
        carried.puts_back("center"),
        finish=carried.is_back("center"),
    ),
    Work(
        "the hall is upgraded",
        ("migrate.noted", "migrate.changed", "migrate.committed"),
        carried.copied("hall"),
        carried.migrates(carried.migrate_hall),
        nothing,
        carried.migrated_once("hall"),
    ),
    Work(
        "the center is upgraded",
        ("migrate.changed", "migrate.committed"),
        carried.copied("center"),
        carried.migrates(carried.migrate_center),
        nothing,
        carried.migrated_once("center"),
    ),
    Work(
        "the hall erases",
        ("erase.noted", "erase.gone", "file.dropped", "erase.files_gone", "erase.scrubbed"),
        rare.cases_to_erase,
        rare.erases("hall"),
        finish=rare.erased_everywhere,
    ),
    Work(
        "the center erases",
        ("erase.noted", "erase.gone", "erase.files_gone"),
        rare.cases_to_erase,
        rare.erases("center"),
        finish=rare.erased_everywhere,
    ),
    Work(
        "an order to erase arrives at the hall",
        ("erase.noted", "erase.gone"),
        rare.cases_to_erase,
        rare.hears_of_erasure,
        finish=rare.erased_everywhere,
    ),
    Work(
        "the hall was put back",
        ("epoch.begun", "epoch.opened", "tail.kept", "tail.committed", "tail.refilled"),
        rare.database_put_back,
        rare.starts_and_asks,
        nothing,
        rare.epochs_in_step,
    ),
    Work(
        "the hall was put back and wrote on",
        ("epoch.opened", "epoch.moved", "tail.committed"),
        rare.folder_put_back,
        rare.starts_and_asks,
        nothing,
        rare.epochs_in_step,
    ),
)
