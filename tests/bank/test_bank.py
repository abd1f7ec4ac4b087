"""The question bank, read back by what others wrote: nothing of a question is lost on the way.

QTI is read, and answered, by pyslet (of which an author of that standard is the author), multiple
choice for Moodle by moodle-xml-parser, the deck by Anki itself. The numbers of questions, answers
and terms are counted in the chapters' own sources.
"""

import re
import zipfile
from base64 import b64decode
from collections import Counter
from html import unescape
from io import BytesIO
from xml.etree import ElementTree

import bank
import cards
import doctrees
import markup
import moodle_xml_parser.parser as moodle_xml
import pyslet.qtiv1.xml as qti_1
import pyslet.qtiv2.xml as qti_2
import pytest
import sources
from anki.collection import (
    Collection,
    ImportAnkiPackageOptions,
    ImportAnkiPackageRequest,
)
from bs4 import BeautifulSoup
from PIL import Image
from pyslet.qtiv2.variables import ItemSessionState

# Those of the packages that make the book, and of pyslet, which is old.
pytestmark = pytest.mark.filterwarnings("ignore")
SEEDS = range(1, 3)
NAMES = ("self-checks", "exam-questions")
each_bank = pytest.mark.parametrize("name", NAMES)


@pytest.fixture(scope="module")
def book():
    return doctrees.Book(bank.HTML)


@pytest.fixture(scope="module")
def quizzes(book):
    """Return what is to be found again."""
    return dict(zip(NAMES, (bank.self_checks(book), bank.exam_items(book, SEEDS)), strict=True))


@pytest.fixture(scope="module")
def folder(book, tmp_path_factory):
    target = tmp_path_factory.mktemp("bank")
    bank.write(book, target, SEEDS)
    return target


def scheme(item):
    """Return what a mark scheme says."""
    return " ".join(
        f"{mark.points} {'point' if mark.points == 1 else 'points'}: {mark.earns}"
        for mark in item.marks
    )


def words(text):
    """Return the words and the formulas of a text in Markdown, without its markup."""
    text = re.sub(r"!\[(.*?)\]\(.*?\)", "", text, flags=re.DOTALL)
    text = re.sub(r"^```\w*$|^ *\d+\. ", "", text, flags=re.MULTILINE)
    formulas = [formula.strip("$") for formula in re.findall(r"(?<!\\)\$+[^$]+\$+", text)]
    return formulas_and_words(formulas, re.sub(r"(?<!\\)\$+[^$]+\$+", " ", text))


def shown(html):
    """Return the words and the formulas of HTML."""
    text = BeautifulSoup(html, "html.parser").get_text()
    formulas = re.findall(r"\\[(\[](.*?)\\[)\]]", text, re.DOTALL)
    return formulas_and_words(formulas, re.sub(r"\\[(\[].*?\\[)\]]", " ", text, flags=re.DOTALL))


def formulas_and_words(formulas, text):
    return [re.sub(r"\s", "", formula) for formula in formulas], re.findall(r"\w+", text)


def all_items(quizzes):
    return {item.label: item for items in quizzes.values() for item in items}


def test_every_self_check_of_the_chapters_is_there(quizzes):
    texts = [sources.markdown(path) for path in sources.lessons()]
    asked = [len(re.findall(r"^:class: quiz", text, re.MULTILINE)) for text in texts]
    answers = [len(re.findall(r"^- \[[ x]\] ", text, re.MULTILINE)) for text in texts]
    found = quizzes["self-checks"].values()
    assert [len(items) for items in found] == asked
    given = [sum(len(item.answers) + bool(item.other) for item in items) for items in found]
    assert given == answers
    assert all(item.answers and all(a.feedback for a in item.answers)
               for item in all_items(quizzes["self-checks"]).values())  # fmt: skip


# --- QTI ------------------------------------------------------------------------------------------


def read_21(archive, path):
    document = qti_2.QTIDocument()
    document.read(src=archive.read(path))
    return document.root


@each_bank
def test_qti_21_is_read_answered_and_scored_by_pyslet(name, folder, quizzes):
    expected = all_items(quizzes[name])
    with zipfile.ZipFile(folder / f"{name}-qti-2.1.zip") as archive:
        paths = [path for path in archive.namelist() if re.fullmatch(r"quiz-\d+/.*\.xml", path)]
        assert len(paths) == len(expected)
        for path in paths:
            root = ElementTree.fromstring(archive.read(path))
            item = read_21(archive, path)
            asked = expected[item.identifier]
            assert item.title == asked.title
            holds_21(root, asked)
            scores_21(item, asked)
        for picture in (picture for item in expected.values() for picture in item.pictures):
            Image.open(BytesIO(archive.read(f"pictures/{picture.name}"))).verify()


def holds_21(root, asked):
    """Hold that an item has the texts of a question."""
    tag = "{http://www.imsglobal.org/xsd/imsqti_v2p1}"

    def inside(element):
        return shown("".join(ElementTree.tostring(child, encoding="unicode") for child in element))

    body = root.find(f"{tag}itemBody")
    pictures = [picture.get("src") for picture in body.iter(f"{tag}img")]
    assert pictures == [f"../pictures/{picture.name}" for picture in asked.pictures]
    text = [
        child for child in body if child.tag not in (f"{tag}choiceInteraction", f"{tag}rubricBlock")
    ]
    assert inside(text) == words(asked.text)
    choices = [inside(choice) for choice in body.iter(f"{tag}simpleChoice")]
    offered = () if asked.for_a_number else asked.answers
    assert choices == [words(answer.text) for answer in offered]
    said = [inside(feedback) for feedback in root.iter(f"{tag}modalFeedback")]
    assert said[: len(asked.answers)] == [words(answer.feedback) for answer in asked.answers]
    assert asked.answers == () or said[len(asked.answers) :] == [words(asked.other)] * bool(
        asked.other
    )
    for rubric in body.iter(f"{tag}rubricBlock"):
        assert inside(rubric) == words(f"{asked.solution} {scheme(asked)}")


def scores_21(item, asked):
    """Give every answer, and see what it earns and what is said to it."""
    for place, answer in enumerate(asked.answers):
        given = answer.value if asked.for_a_number else f"{asked.label}-{place}"
        earned, said = answer_21(item, given)
        assert (earned > 0) == answer.right
        assert said == f"{asked.label}-{place}_fb"
    if asked.other:
        assert answer_21(item, 12345.678) == (0.0, "general_incorrect_fb")


def answer_21(item, given):
    session = ItemSessionState(item)
    session.begin_session()
    session["RESPONSE"].set_value(given)
    item.ResponseProcessing.run(session)
    return session["SCORE"].value, session["FEEDBACK"].value


@pytest.mark.parametrize("fault", [(b"<itemBody>", b"<itemBody><foo/>"), (b"<p>", b"<p><ul/>")])
def test_pyslet_refuses_what_is_no_qti(fault, folder):
    with zipfile.ZipFile(folder / "exam-questions-qti-2.1.zip") as archive:
        (path, *_) = (name for name in archive.namelist() if "q-far-from-zero" in name)
        spoiled = archive.read(path).replace(*fault)
    with pytest.raises(Exception, match="foo|UL not allowed"):
        qti_2.QTIDocument().read(src=spoiled)


@each_bank
def test_qti_12_is_read_by_pyslet_and_has_every_text(name, folder, quizzes):
    expected = all_items(quizzes[name])
    with zipfile.ZipFile(folder / f"{name}-qti-1.2.zip") as archive:
        paths = [path for path in archive.namelist() if re.fullmatch(r"quiz-\d+/.*\.xml", path)]
        assert len(paths) == len(quizzes[name])
        found = []
        for path in paths:
            document = qti_1.QTIDocument()
            document.read(src=archive.read(path))
            found += ElementTree.fromstring(archive.read(path)).iter(f"{TAG_12}item")
        assert [item.get("ident") for item in found] == list(expected)
        for item in found:
            holds_12(item, expected[item.get("ident")])
        for picture in (picture for item in expected.values() for picture in item.pictures):
            Image.open(BytesIO(archive.read(f"pictures/{picture.name}"))).verify()


TAG_12 = "{http://www.imsglobal.org/xsd/ims_qtiasiv1p2}"


def holds_12(item, asked):
    """Hold that an item has the texts of a question, and gives points to the right answer alone."""
    text, *choices = [
        found.text for found in item.find(f"{TAG_12}presentation").iter(f"{TAG_12}mattext")
    ]
    assert shown(text) == words(asked.text)
    for picture in asked.pictures:
        assert f"$IMS-CC-FILEBASE$/pictures/{picture.name}" in text
    assert [shown(choice) for choice in choices] == (
        [] if asked.for_a_number else [words(answer.text) for answer in asked.answers]
    )
    said = {
        feedback.get("ident"): shown(next(feedback.iter(f"{TAG_12}mattext")).text)
        for feedback in item.iter(f"{TAG_12}itemfeedback")
    }
    conditions = [
        condition
        for condition in item.iter(f"{TAG_12}respcondition")
        if condition.find(f".//{TAG_12}other") is None
    ]
    for condition, answer in zip(conditions, asked.answers, strict=True):
        link = condition.find(f"{TAG_12}displayfeedback").get("linkrefid")
        assert said.pop(link) == words(answer.feedback)
        assert (condition.find(f"{TAG_12}setvar") is not None) == answer.right
        if asked.for_a_number:
            low, high = (
                float(condition.find(f".//{TAG_12}{end}").text) for end in ("vargte", "varlte")
            )
            assert low <= answer.value <= high
    assert asked.answers == () or list(said.values()) == [words(asked.other)] * bool(asked.other)


@each_bank
def test_a_manifest_names_what_is_in_its_package(name, folder):
    for version in ("1.2", "2.1"):
        with zipfile.ZipFile(folder / f"{name}-qti-{version}.zip") as archive:
            manifest = ElementTree.fromstring(archive.read("imsmanifest.xml"))
            named = [file.get("href") for file in manifest.findall(".//{*}file")]
            assert sorted([*named, "imsmanifest.xml"]) == sorted(archive.namelist())
            known = {resource.get("identifier") for resource in manifest.findall(".//{*}resource")}
            needed = {one.get("identifierref") for one in manifest.findall(".//{*}dependency")}
            assert needed <= known


# --- Moodle ---------------------------------------------------------------------------------------


@each_bank
def test_moodle_gets_every_choice_as_another_reader_finds_it(name, folder, quizzes):
    expected = {item.title: item for item in all_items(quizzes[name]).values()
                if item.answers and not item.for_a_number}  # fmt: skip
    found = moodle_xml.parse_file(str(folder / f"{name}-moodle.xml"))["multichoice"]
    assert [question.name for question in found] == list(expected)
    for question in found:
        asked = expected[question.name]
        assert shown(question.text_pre_parse) == words(asked.text)
        for option, answer in zip(question.options, asked.answers, strict=True):
            assert shown(option.answer) == words(answer.text)
            assert shown(option.feedback) == words(answer.feedback)
            assert (float(option.score_fraction) == 100) == answer.right


@each_bank
def test_moodle_gets_every_number_and_every_text_to_write(name, folder, quizzes):
    expected = all_items(quizzes[name])
    root = ElementTree.parse(folder / f"{name}-moodle.xml").getroot()
    found = {one.findtext("idnumber"): one for one in root if one.get("type") != "category"}
    assert list(found) == list(expected)
    for label, question in found.items():
        asked = expected[label]
        assert shown(question.findtext("questiontext/text")) == words(asked.text)
        assert shown(question.findtext("generalfeedback/text") or "") == words(asked.solution)
        files = question.findall("questiontext/file")
        assert [file.get("name") for file in files] == [p.name for p in asked.pictures]
        for file, picture in zip(files, asked.pictures, strict=True):
            assert b64decode(file.text) == picture.png
            assert f'src="@@PLUGINFILE@@/{picture.name}"' in question.findtext("questiontext/text")
        if asked.for_a_number:
            *answers, other = question.findall("answer")
            assert (other.findtext("text"), other.get("fraction")) == ("*", "0")
            assert shown(other.findtext("feedback/text")) == words(asked.other)
            for given, answer in zip(answers, asked.answers, strict=True):
                assert float(given.findtext("text")) == pytest.approx(answer.value)
                assert float(given.findtext("tolerance")) == pytest.approx(answer.off_by)
                assert shown(given.findtext("feedback/text")) == words(answer.feedback)
                assert (given.get("fraction") == "100") == answer.right
        elif not asked.answers:
            assert question.get("type") == "essay"
            assert shown(question.findtext("graderinfo/text")) == words(scheme(asked))


# --- Anki -----------------------------------------------------------------------------------------


def import_deck(collection, deck):
    options = ImportAnkiPackageOptions(merge_notetypes=True, with_scheduling=False)
    request = ImportAnkiPackageRequest(package_path=str(deck), options=options)
    return collection.import_anki_package(request)


@pytest.fixture
def collection(tmp_path):
    opened = Collection(str(tmp_path / "collection.anki2"))
    yield opened
    opened.close()


def test_anki_takes_every_statement_definition_and_self_check(collection, folder, book, quizzes):
    import_deck(collection, folder / "cards.apkg")
    notes = [collection.get_note(note) for note in collection.find_notes("")]
    kinds = Counter(note.fields[2].split()[0] for note in notes)
    glossary = (sources.ROOT / "chapters" / "glossary.md").read_text("utf-8").partition(":::{gl")[2]
    terms = len(re.findall(r"^\S[^\n]*\n {2,}\S", glossary, re.MULTILINE))
    texts = "\n".join(map(sources.markdown, sources.lessons()))
    proved = len(
        re.findall(r"^:{3,}\{prf:(?:theorem|proposition|lemma|corollary)\}", texts, re.MULTILINE)
    )
    checks = all_items(quizzes["self-checks"])
    assert kinds.pop("Definition") == terms
    assert kinds.pop("Self-check") == len(checks)
    assert kinds.total() == proved
    backs = [shown(note.fields[1]) for note in notes]
    for statement in (one for page in book.chapters for one in book.statements(page)):
        assert words(statement.text) in backs
    for term in book.definitions():
        assert words(term.text) in backs
    joined = "\n".join(unescape(note.fields[1]) for note in notes)
    for answer in (answer for item in checks.values() for answer in item.answers):
        assert unescape(markup.html(answer.feedback)) in joined


def test_an_update_of_the_deck_keeps_what_has_been_learned(collection, folder, book, tmp_path):
    import_deck(collection, folder / "cards.apkg")
    (mended,) = (card for card in cards.cards(book) if card.label == "prop-kl-nonnegative")
    deck = collection.decks.by_name(f"{sources.settings()['title']}::{mended.deck}")
    collection.decks.select(deck["id"])
    (note,) = collection.find_notes("inequality deck:current")
    (card,) = collection.get_note(note).card_ids()
    collection.sched.reposition_new_cards([card], 0, 1, False, True)
    (queued,) = collection.sched.get_queued_cards(fetch_limit=1).cards
    assert queued.card.id == card
    started = collection.get_card(card)
    started.start_timer()
    answer = collection.sched.build_answer(card=started, states=queued.states, rating=3)
    collection.sched.answer_card(answer)
    count = collection.note_count()

    later = tmp_path / "later.apkg"
    cards.write(later, [mended._replace(back="<p>Mended.</p>")], bank.day() + 10**6)
    import_deck(collection, later)
    assert collection.note_count() == count
    assert collection.get_note(note).fields[1] == "<p>Mended.</p>"
    assert collection.get_card(card).reps == 1


# --- Once more, and for whom ----------------------------------------------------------------------


def test_the_same_seeds_give_the_same_bytes(book, folder, tmp_path):
    bank.write(book, tmp_path, SEEDS)
    for path in folder.iterdir():
        assert (tmp_path / path.name).read_bytes() == path.read_bytes(), path.name


def said_by(path):
    """Return all that a file says, packed or not."""
    if not zipfile.is_zipfile(path):
        return path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        return b"".join(map(archive.read, archive.namelist()))


def test_no_exam_question_is_in_the_public_book_or_in_what_students_may_have(book, folder):
    public = [path for path in bank.HTML.rglob("*") if path.suffix in (".html", ".js", ".ipynb")]
    given = [path for path in folder.iterdir() if not path.name.startswith("exam-questions")]
    text = b"\n".join(map(said_by, public + given))
    text = unescape(text.decode("utf-8", "replace"))
    items = [question.item(1, page) for page, question in bank.exam_questions(book)]
    assert [item.label for item in items if f'"{item.label}"' in text] == []
    asked = [item.text.partition("```")[0] for item in items]
    pieces = [max(re.split(r"[$`*]", text), key=len).strip() for text in asked]
    assert min(map(len, pieces)) > 30
    assert [piece for piece in pieces if " ".join(piece.split()) in text] == []
    exam = unescape((folder / "exam-questions-moodle.xml").read_text("utf-8"))
    assert [piece for piece in pieces if piece[:30] not in exam] == []
