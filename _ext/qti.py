"""Questions as QTI: in the version 1.2 that Canvas reads, and in 2.1; each a package in one zip.

A quiz is a title and its questions. A package has a manifest, the quizzes, and the pictures. After
an answer its feedback is shown, and after any answer the solution, if the question has one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from dist import archive
from lxml import etree
from lxml.builder import ElementMaker
from markup import html

from exams.model import Answer, Item

Quizzes = Mapping[str, list[Item]]
V12 = "http://www.imsglobal.org/xsd/ims_qtiasiv1p2"
V21 = "http://www.imsglobal.org/xsd/imsqti_v2p1"
PACKAGE = "http://www.imsglobal.org/xsd/imscp_v1p1"
#: Where pictures lie in a package, and what Canvas calls the folder that holds it.
PICTURES = "pictures"
BASE = "$IMS-CC-FILEBASE$"


def write(target: Path, quizzes: Quizzes, version: str) -> None:
    """Write a package of a version, ``1.2`` or ``2.1``."""
    named = {f"quiz-{count}": quiz for count, quiz in enumerate(quizzes.items(), 1)}
    files = _quizzes_12(named) if version == "1.2" else _quizzes_21(named)
    contents = {name: _xml(tree) for name, (tree, _, _) in files.items()}
    contents["imsmanifest.xml"] = _xml(_manifest(files, _pictures(quizzes), version))
    archive(contents | _pictures(quizzes), target)


#: A file of a package: what it holds, its kind, and which others it needs.
File = tuple[etree._Element, str, list[str]]


def _xml(tree: etree._Element) -> bytes:
    return etree.tostring(tree, xml_declaration=True, encoding="UTF-8", pretty_print=True)


def _pictures(quizzes: Quizzes) -> dict[str, bytes]:
    return {
        name: picture.png
        for items in quizzes.values()
        for item in items
        for name, picture in zip(_needed(item), item.pictures, strict=True)
    }


def _needed(item: Item) -> list[str]:
    """Return the files of the pictures that a question shows."""
    return [f"{PICTURES}/{picture.name}" for picture in item.pictures]


def _manifest(
    files: Mapping[str, File], pictures: Mapping[str, bytes], version: str
) -> etree._Element:
    """Return the list of what is in a package."""
    make = ElementMaker(namespace=PACKAGE, nsmap={None: PACKAGE})
    resources = make.resources()
    for name, (_, kind, needed) in files.items():
        resource = make.resource(make.file(href=name), identifier=_name(name), type=kind, href=name)
        resource.extend(make.dependency(identifierref=_name(other)) for other in needed)
        resources.append(resource)
    for name in pictures:
        held = make.file(href=name)
        resources.append(make.resource(held, identifier=_name(name), type="webcontent", href=name))
    schema = {"1.2": ("IMS Content", "1.1.3"), "2.1": ("QTIv2.1 Package", "1.0.0")}[version]
    about = make.metadata(make.schema(schema[0]), make.schemaversion(schema[1]))
    return make.manifest(about, make.organizations(), resources, identifier="neural-network-basics")


def _name(file: str) -> str:
    """Return the identifier of a file."""
    return file.rpartition(".")[0].replace("/", "-")


def choice(item: Item, place: int) -> str:
    """Return the identifier of an answer."""
    return f"{item.label}-{place}"


# --- Version 1.2 ----------------------------------------------------------------------------------

A = ElementMaker(namespace=V12, nsmap={None: V12})


def _quizzes_12(quizzes: Mapping[str, tuple[str, list[Item]]]) -> dict[str, File]:
    made = {}
    for name, (title, items) in quizzes.items():
        section = A.section(*map(_item_12, items), ident="root_section")
        quiz = A.questestinterop(A.assessment(section, ident=name, title=title))
        needed = sorted({file for item in items for file in _needed(item)})
        made[f"{name}/{name}.xml"] = (quiz, "imsqti_xmlv1p2", needed)
    return made


def _material(text: str) -> etree._Element:
    """Return a text; pictures lie where Canvas lays them."""
    shown = html(text, lambda name: f"{BASE}/{PICTURES}/{name}")
    return A.material(A.mattext(shown, texttype="text/html"))


def _item_12(item: Item) -> etree._Element:
    if not item.answers:
        kind, asked = (
            "essay_question",
            A.response_str(A.render_fib(), ident="response1", rcardinality="Single"),
        )
    elif item.for_a_number:
        kind, asked = (
            "numerical_question",
            A.response_str(
                A.render_fib(fibtype="Decimal"), ident="response1", rcardinality="Single"
            ),
        )
    else:
        kind, asked = (
            "multiple_choice_question",
            A.response_lid(
                A.render_choice(
                    *(
                        A.response_label(_material(answer.text), ident=choice(item, place))
                        for place, answer in enumerate(item.answers)
                    )
                ),
                ident="response1",
                rcardinality="Single",
            ),
        )
    fields = {"question_type": kind, "points_possible": str(item.points)}
    described = A.itemmetadata(
        A.qtimetadata(
            *(
                A.qtimetadatafield(A.fieldlabel(label), A.fieldentry(entry))
                for label, entry in fields.items()
            )
        )
    )
    return A.item(
        described,
        A.presentation(_material(item.text), asked),
        _processing_12(item),
        *(
            A.itemfeedback(A.flow_mat(_material(text)), ident=ident)
            for ident, text in _feedbacks(item)
        ),
        ident=item.label,
        title=item.title,
    )


def _feedbacks(item: Item) -> Iterator[tuple[str, str]]:
    """Yield what may be said afterwards, by its name."""
    for place, answer in enumerate(item.answers):
        yield f"{choice(item, place)}_fb", answer.feedback
    if item.other:
        yield "general_incorrect_fb", item.other
    if not item.answers:
        yield "general_fb", f"{item.solution}\n\n{item.scheme}"


def _processing_12(item: Item) -> etree._Element:
    """Return which answer scores, and what is said to it."""
    score = A.decvar(maxvalue="100", minvalue="0", varname="SCORE", vartype="Decimal")
    conditions = []
    for place, answer in enumerate(item.answers):
        met = (
            _number_12(answer)
            if item.for_a_number
            else [A.varequal(choice(item, place), respident="response1")]
        )
        condition = A.respcondition(A.conditionvar(*met))
        condition.set("continue", "No")
        if answer.right:
            condition.append(A.setvar("100", action="Set", varname="SCORE"))
        condition.append(_say_12(f"{choice(item, place)}_fb"))
        conditions.append(condition)
    if item.other or not item.answers:
        said = "general_incorrect_fb" if item.other else "general_fb"
        condition = A.respcondition(A.conditionvar(A.other()), _say_12(said))
        condition.set("continue", "Yes")
        conditions.append(condition)
    return A.resprocessing(A.outcomes(score), *conditions)


def _say_12(name: str) -> etree._Element:
    return A.displayfeedback(feedbacktype="Response", linkrefid=name)


def _number_12(answer: Answer) -> list[etree._Element]:
    """Return what a number must be."""
    low, high = _ends(answer)
    between = [A.vargte(low, respident="response1"), A.varlte(high, respident="response1")]
    exactly = A.varequal(f"{answer.value:.15g}", respident="response1")
    return [getattr(A, "or")(exactly, getattr(A, "and")(*between))]


def _ends(answer: Answer) -> tuple[str, str]:
    """Return the least and the largest number that counts as an answer."""
    slack = answer.off_by + 1e-9 * abs(answer.value)
    return f"{answer.value - slack:.15g}", f"{answer.value + slack:.15g}"


# --- Version 2.1 ----------------------------------------------------------------------------------

B = ElementMaker(namespace=V21, nsmap={None: V21})


def _quizzes_21(quizzes: Mapping[str, tuple[str, list[Item]]]) -> dict[str, File]:
    made: dict[str, File] = {}
    for name, (title, items) in quizzes.items():
        names = {f"{name}/{item.label}.xml": item for item in items}
        for file, item in names.items():
            made[file] = (_item_21(item), "imsqti_item_xmlv2p1", _needed(item))
        made[f"{name}.xml"] = (_test_21(name, title, names), "imsqti_test_xmlv2p1", list(names))
    return made


def _test_21(name: str, title: str, items: Mapping[str, Item]) -> etree._Element:
    """Return a quiz, which names its questions."""
    section = B.assessmentSection(
        *(B.assessmentItemRef(identifier=item.label, href=file) for file, item in items.items()),
        identifier="all",
        title=title,
        visible="true",
    )
    part = B.testPart(
        section, identifier="part", navigationMode="nonlinear", submissionMode="individual"
    )
    return B.assessmentTest(part, identifier=name, title=title)


def _item_21(item: Item) -> etree._Element:
    kind = "float" if item.for_a_number else "identifier" if item.answers else "string"
    asked = B.responseDeclaration(identifier="RESPONSE", cardinality="single", baseType=kind)
    for place, answer in enumerate(item.answers):
        if answer.right:
            key = f"{answer.value:.15g}" if item.for_a_number else choice(item, place)
            asked.append(B.correctResponse(B.value(key)))
    return B.assessmentItem(
        asked,
        B.outcomeDeclaration(
            B.defaultValue(B.value("0")),
            identifier="SCORE",
            cardinality="single",
            baseType="float",
            normalMaximum=str(item.points),
        ),
        B.outcomeDeclaration(identifier="FEEDBACK", cardinality="single", baseType="identifier"),
        B.itemBody(*_flow(item.text), *_interaction(item), *_scheme(item)),
        _processing_21(item),
        *(
            B.modalFeedback(
                *_flow(text), outcomeIdentifier="FEEDBACK", identifier=name, showHide="show"
            )
            for name, text in _feedbacks(item)
        ),
        identifier=item.label,
        title=item.title,
        adaptive="false",
        timeDependent="false",
    )


def _flow(text: str) -> list[etree._Element]:
    """Return a text as elements of QTI, which are those of XHTML."""
    shown = html(text, lambda name: f"../{PICTURES}/{name}")
    return list(etree.fromstring(f'<div xmlns="{V21}">{shown}</div>'))


def _interaction(item: Item) -> list[etree._Element]:
    """Return where an answer is given."""
    if not item.answers:
        return [B.extendedTextInteraction(responseIdentifier="RESPONSE")]
    if item.for_a_number:
        return [B.p(B.textEntryInteraction(responseIdentifier="RESPONSE", expectedLength="12"))]
    choices = (
        B.simpleChoice(*_flow(answer.text), identifier=choice(item, place))
        for place, answer in enumerate(item.answers)
    )
    return [
        B.choiceInteraction(
            *choices, responseIdentifier="RESPONSE", shuffle="false", maxChoices="1"
        )
    ]


def _scheme(item: Item) -> list[etree._Element]:
    """Return what only those who mark see."""
    if not item.marks:
        return []
    return [B.rubricBlock(*_flow(f"{item.solution}\n\n{item.scheme}"), view="scorer")]


def _processing_21(item: Item) -> etree._Element:
    """Return which answer scores, and what is said to it."""
    if not item.answers:
        return B.responseProcessing(_set("FEEDBACK", "identifier", "general_fb"))
    condition = B.responseCondition()
    for place, answer in enumerate(item.answers):
        if item.for_a_number:
            low, high = _ends(answer)
            met = getattr(B, "and")(
                B.gte(B.variable(identifier="RESPONSE"), B.baseValue(low, baseType="float")),
                B.lte(B.variable(identifier="RESPONSE"), B.baseValue(high, baseType="float")),
            )
        else:
            key = B.baseValue(choice(item, place), baseType="identifier")
            met = B.match(B.variable(identifier="RESPONSE"), key)
        branch = B.responseElseIf if len(condition) else B.responseIf
        branch = branch(met, _set("FEEDBACK", "identifier", f"{choice(item, place)}_fb"))
        if answer.right:
            branch.append(_set("SCORE", "float", str(item.points)))
        condition.append(branch)
    if item.other:
        condition.append(B.responseElse(_set("FEEDBACK", "identifier", "general_incorrect_fb")))
    return B.responseProcessing(condition)


def _set(outcome: str, kind: str, value: str) -> etree._Element:
    return B.setOutcomeValue(B.baseValue(value, baseType=kind), identifier=outcome)
