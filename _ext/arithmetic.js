// The value of what is typed into a field for numbers: numbers, + - * / ^ or **, and brackets. What
// else is typed raises an error that says so.
const arithmetic = (typed) => {
  const text = typed.replace(/[−–]/g, "-").replace(/[×·]/g, "*").replace(/[÷:]/g, "/");
  const tokens = text.match(/[\d.,]+(?:e[+-]?\d+)?|\*\*|\p{L}+|\S/giu) ?? [];
  const refuse = (what) => {
    throw new Error(`${what}. Write numbers with + - * / ^ and brackets.`);
  };
  let at = 0;
  const take = (...signs) => signs.includes(tokens[at]) && tokens[at++];
  const sum = () => {
    let value = product();
    for (let sign; (sign = take("+", "-")); ) value += sign === "+" ? product() : -product();
    return value;
  };
  const product = () => {
    let value = signed();
    for (let sign; (sign = take("*", "/")); ) value = sign === "*" ? value * signed() : value / signed();
    return value;
  };
  const signed = () => (take("-") ? -signed() : take("+") ? signed() : power());
  const power = () => {
    const base = number();
    return take("^", "**") ? base ** signed() : base;
  };
  const number = () => {
    if (take("(")) {
      const value = sum();
      if (!take(")")) refuse(tokens[at] ? `“${tokens[at]}” is out of place` : "A bracket stays open");
      return value;
    }
    const token = tokens[at++];
    if (token === undefined) refuse("Something is missing at the end");
    if (/^[+*/^)]/.test(token)) refuse(`“${token}” is out of place`);
    // One comma may stand for the point, unless it may as well part thousands.
    if (/^[1-9]\d{0,2}(,\d{3})+(\.|e|$)/i.test(token)) {
      refuse(`“${token}” can be read in two ways: leave out the comma, or write a point`);
    }
    const value = Number(token.replace(",", "."));
    return Number.isNaN(value) ? refuse(`“${token}” is no number`) : value;
  };
  const value = sum();
  if (at < tokens.length) refuse(`“${tokens[at]}” is out of place`);
  if (!Number.isFinite(value)) throw new Error("This has no finite value.");
  return value;
};
