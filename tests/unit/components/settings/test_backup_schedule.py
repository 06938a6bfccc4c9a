"""Tests of the schedules that keep the dump away from AWS Backup; invalid/backups.yaml has refused ones."""

from components.settings.models.backups import Backups, check_schedule


def test_a_dump_that_ends_before_aws_backup_or_starts_with_it_is_accepted() -> None:
    for schedule in ("0 18 * * *", "0 22 * * *", "0 0 * * *", "0 */6 * * *", "0 7,19 * * *", "*/30 20 * * *"):
        assert not list(check_schedule(Backups.model_construct(schedule=schedule))), schedule
