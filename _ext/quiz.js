// Turn each admonition of class "quiz" into a form. What it holds is a question and a task list, in
// which each item is an answer (checked: a right one) with a list inside, the feedback to it. With
// class "number", answers are numbers, and an item that is none stands for all others.
const make = (tag, properties = {}, ...children) => {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
};

// A number with decimals is meant as rounded to so many; one without, exactly.
const parse = (text) => {
  const [above, below = 1, ...more] = text.replace(",", ".").replace("−", "-").split("/");
  return more.length || !above.trim() ? NaN : Number(above) / Number(below);
};
const agrees = (given, text) => {
  const decimals = (text.split(".")[1] || "").length;
  const slack = decimals ? 0.5 * 10 ** -decimals : 0;
  return Math.abs(given - parse(text)) <= slack + 1e-12;
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

document.querySelectorAll(".admonition.quiz").forEach((quiz, index) => {
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

  let chosen;
  if (quiz.classList.contains("number")) {
    const input = make("input", { type: "text", inputMode: "decimal", autocomplete: "off" });
    fields.append(make("label", {}, "Your answer, a number: ", input));
    chosen = () => {
      const given = parse(input.value);
      if (Number.isNaN(given)) return undefined;
      return answers.find(({ text }) => Number.isNaN(parse(text)) || agrees(given, text));
    };
  } else {
    const radios = answers.map(({ nodes }, place) => {
      const radio = make("input", { type: "radio", name: `quiz-${index}` });
      const letter = make("b", { textContent: "ABCDEFGH"[place] });
      fields.append(make("label", {}, radio, letter, make("span", {}, ...nodes)));
      return radio;
    });
    chosen = () => answers[radios.findIndex((radio) => radio.checked)];
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
  form.addEventListener("input", clear);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const answer = chosen();
    if (!answer) say("none", "Give an answer first.");
    else if (answer.right) say("right", "Right. ", answer.feedback);
    else say("wrong", "Not so. ", answer.feedback);
  });
  quiz.append(form);
});
