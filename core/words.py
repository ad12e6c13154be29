"""Words of English that say nothing about what a question is about."""

COMMON_WORDS = frozenset(
    """
    a about an and are as at be been by can could did do does for from had has have how i if in into is it its may of on
    or our should so such than that the their them then there these they this those to was we were what when where which
    who why will with would you your
    """.split()  # noqa: SIM905
)
