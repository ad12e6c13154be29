from indexer.pace import Pace


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_the_time_left_counts_the_papers_that_are_not_read_yet() -> None:
    clock = Clock()
    pace = Pace(papers_to_read=10, clock=clock)
    assert pace.seconds_left() is None
    pace.papers_read, pace.to_embed = 2, 200
    pace.begin_embedding()
    clock.now += 10
    pace.begin_embedding()
    pace.embedded = 100
    # A passage takes 0.1 s; 100 wait, and 8 papers of 100 each are to come.
    assert pace.seconds_left() == 90
    assert (pace.papers, pace.passages) == (10, 200)


def test_one_paper_more_that_is_read_moves_the_time_left_little() -> None:
    clock = Clock()
    pace = Pace(papers_to_read=10, papers_read=4, to_embed=400, embedded=200, clock=clock)
    pace.begin_embedding()
    clock.now += 20
    before = pace.seconds_left()
    pace.papers_read, pace.to_embed = 5, 500
    assert before == pace.seconds_left() == 80


def test_what_waited_before_is_no_paper_of_this_run() -> None:
    clock = Clock()
    pace = Pace(waiting=300, embedded=100, clock=clock)
    pace.begin_embedding()
    assert pace.seconds_left() is None
    clock.now += 5
    assert pace.seconds_left() == 10
    pace.papers_to_read = 3
    assert pace.seconds_left() is None


def test_more_papers_than_were_there_at_first_are_counted() -> None:
    pace = Pace(papers_to_read=1, papers_read=3, to_embed=30, embedded=40)
    assert (pace.papers, pace.passages) == (3, 40)
