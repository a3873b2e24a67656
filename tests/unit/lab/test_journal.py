"""A journal whose last line was cut short loses that line, and none that follows."""

from pathlib import Path

from proxmox_lab.site.journal import Journal


def test_a_line_after_one_cut_short_is_a_line_of_its_own(tmp_path: Path) -> None:
    file = tmp_path / "lines.jsonl"
    file.write_text('{"a":1}\n{"b"')

    journal = Journal(file)
    journal.append('{"c":3}')
    journal.append('{"d":4}')
    journal.close()

    assert list(Journal(file).lines()) == ['{"a":1}', '{"b"', '{"c":3}', '{"d":4}']
