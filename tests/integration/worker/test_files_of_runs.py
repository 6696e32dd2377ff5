"""Runs that read a file: trained from the content that is kept, wherever the file has gone."""

from bptt.client import connect
from bptt.lifecycle import HINTS

TEXT = "the cat sat on the mat. " * 200
GRID = (
    "name: book\ntask: {name: char_lm, text: book.txt, window: 8}\ncell: rnn\n"
    "model: {hidden_size: 4}\ntraining: {steps: 6, batch_size: 2}\nseeds: SEEDS\n"
)


def test_a_worker_trains_from_the_kept_content_and_a_lost_one_is_sent_again(
    queue, redis, start_worker, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "book.yaml").write_text(GRID.replace("SEEDS", "2"))
    (tmp_path / "book.txt").write_text(TEXT)
    with connect(queue.settings) as client:
        grid = client.submit("book.yaml").grid_id
        more = client.submit("book.yaml", ["seeds=3"], hold=True).grid_id
        (tmp_path / "book.txt").unlink()
        start_worker()
        queue.wait([f"{grid}-0", f"{grid}-1"])

        (kept,) = queue.settings.data.glob("??/*")
        kept.chmod(0o644)
        kept.write_text(TEXT.replace("cat", "cot"))
        client.release_grid(more)
        run_id = f"{more}-0"
        queue.wait([run_id], "failed")
        failure = client.run(run_id).run.failure
        assert failure["cause"] == "data_changed"
        assert "The content of book.txt (sha256:" in failure["message"]
        assert HINTS["data_changed"].startswith("Submit a grid that names the file")

        (tmp_path / "book.txt").write_text(TEXT)
        assert client.submit("book.yaml", ["seeds=2"]).queued == 0
        (again,) = client.retry_run(run_id)
        queue.wait([again])
