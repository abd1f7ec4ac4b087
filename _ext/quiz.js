// Turn each admonition of class "quiz" into a form. What it holds is a question and a task list, in
// which each item is an answer (checked: a right one) with a list inside, the feedback to it. With
// class "number", answers are numbers, and an item that is none stands for all others.
const make = (tag, properties = {}, ...children) => {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
};

// Of an answer that is no number, NaN. One with decimals is meant as rounded to so many; one
// without, exactly.
const valueOf = (text) => {
  try {
    return arithmetic(text);
  } catch {
    return NaN;
  }
};
const agrees = (given, text) => {
  const decimals = (text.split(".")[1] || "").length;
  const slack = decimals ? 0.5 * 10 ** -decimals : 0;
  return Math.abs(given - valueOf(text)) <= slack + 1e-12 * Math.max(1, Math.abs(given));
};

const readAnswer = (item) => {
  const box = item.querySelector("input");
  const feedback = item.querySelector("ul");
  const answer = { right: box.checked, feedback: make("span") };
  answer.feedback.append(...feedback.querySelector("li").childNodes);
  feedback.remove();
  box.remove();
  // Markdown may have put the answer into a paragraph.
  answer.nodes = [...(item.querySelector(":scope > p") || item).childNodes];
  answer.text = item.textContent.trim();
  return answer;
};

const build = (quiz, index) => {
  const list = quiz.querySelector("ul");
  const answers = [...list.children].map(readAnswer);
  const question = make("div", { id: `quiz-${index}-question` });
  question.append(...[...quiz.children].filter((e) => e !== list && !e.matches(".admonition-title")));
  list.remove();

  const fields = make("fieldset", {}, question);
  fields.setAttribute("aria-labelledby", question.id);
  const status = make("div", { className: "feedback" });
  status.setAttribute("role", "status");
  const form = make("form", {}, fields, make("button", { textContent: "Check" }), status);

  // What is given, to be kept and given again, and which answer that is.
  let given, chosen;
  if (quiz.classList.contains("number")) {
    const input = make("input", { type: "text", autocomplete: "off", maxLength: 99 });
    fields.append(make("label", {}, "Your answer, a number or arithmetic: ", input));
    given = (kept) => (input.value = kept ?? input.value).trim() || undefined;
    chosen = () => {
      const value = arithmetic(input.value);
      return answers.find(({ text }) => Number.isNaN(valueOf(text)) || agrees(value, text));
    };
  } else {
    const radios = answers.map(({ nodes }, place) => {
      const radio = make("input", { type: "radio", name: `quiz-${index}` });
      const letter = make("b", { textContent: "ABCDEFGH"[place] });
      fields.append(make("label", {}, radio, letter, make("span", {}, ...nodes)));
      return radio;
    });
    given = (kept) => {
      if (radios[kept]) radios[kept].checked = true;
      const place = radios.findIndex(({ checked }) => checked);
      return place < 0 ? undefined : place;
    };
    chosen = () => answers[given()];
  }

  const clear = () => {
    delete status.dataset.verdict;
    status.replaceChildren();
  };
  const say = (verdict, text, ...more) => {
    clear();
    status.dataset.verdict = verdict;
    status.append(make("strong", { textContent: text }), ...more);
  };
  // Say whether what is given is right, and return it if that can be said.
  const judge = () => {
    if (given() === undefined) return say("none", "Give an answer first.");
    let answer;
    try {
      answer = chosen();
    } catch ({ message }) {
      return say("none", message);
    }
    say(answer.right ? "right" : "wrong", answer.right ? "Right. " : "Not so. ", answer.feedback);
    return given();
  };
  form.addEventListener("input", clear);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    kept.set(quiz.id, judge());
  });
  addEventListener("forget", () => {
    form.reset();
    clear();
  });
  const before = kept.get(quiz.id);
  if (before !== undefined && given(before) !== undefined) judge();
  quiz.append(form);
};
// Where a form comes in, a browser lays out all around it, to offer what it knows: so none comes in
// before its place is laid out, or printed.
const waiting = new Map();
document.querySelectorAll(".admonition.quiz").forEach((quiz, index) => waiting.set(quiz, index));
const begin = (quizzes) => {
  for (const quiz of quizzes) {
    if (!waiting.has(quiz)) continue;
    build(quiz, waiting.get(quiz));
    waiting.delete(quiz);
  }
};
const laidOut = new ResizeObserver((seen) => begin(seen.map(({ target }) => target)));
for (const quiz of waiting.keys()) laidOut.observe(quiz);
addEventListener("beforeprint", () => begin([...waiting.keys()]));
