"""What the chapter on NAME claims, each statement for all inputs that it names."""

import pytest


@pytest.mark.statement("prop-NAME-first")
def test_that_the_first_statement_holds():
    pytest.fail("the first statement has no test yet")


@pytest.mark.statement("prop-NAME-second")
def test_that_the_second_statement_holds():
    pytest.fail("the second statement has no test yet")


@pytest.mark.statement("prop-NAME-third")
def test_that_the_third_statement_holds():
    pytest.fail("the third statement has no test yet")
