// What the search finds for what is typed, the best first. MiniSearch finds words; here they are
// put together, so that a place that holds all of them comes before one that repeats a rare one.
window.bookSearch = (() => {
  const { places, phrases } = window.bookPlaces;
  const idle = new Set(window.bookPlaces.idle);
  const plain = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
  // A name of a program stays in one piece.
  const split = (text) => plain(text).match(/[\p{L}\p{N}_]+/gu) ?? [];
  const tell = (text) => split(text).filter((word) => !idle.has(word));
  const stemmer = new Stemmer();
  const stems = new Map();
  const stem = (word) => {
    let found = stems.get(word);
    if (!found) stems.set(word, (found = stemmer.stemWord(word)));
    return found;
  };

  // Stems are found; of a title, also words of which only the beginning is there, and of a name of
  // a program its parts.
  const whole = new Set(["title", "names"]);
  const terms = (word, field) => {
    if (idle.has(word)) return null;
    if (word.includes("_")) return [word, ...word.split("_").filter(Boolean).map(stem)];
    return whole.has(field) ? [...new Set([word, stem(word)])] : stem(word);
  };
  const index = new MiniSearch({
    idField: "at",
    fields: ["title", "names", "above", "text", "code"],
    extractField: (place, field) =>
      Array.isArray(place[field]) ? place[field].join(" ") : place[field],
    tokenize: split,
    processTerm: terms,
  });
  index.addAll(places.map((place, at) => ({ ...place, at })));
  const find = (word, options) =>
    index.search(word, {
      processTerm: (word) => word,
      boost: { title: 5, names: 4, code: 0.2 },
      boostDocument: (at) => places[at].weight,
      weights: { prefix: 0.4, fuzzy: 0.3 },
      ...options,
    });

  // The places of a word; while it is typed, also those of words that begin so.
  const known = new Map();
  const look = (word, typing) => {
    const key = typing ? `${word}…` : word;
    if (!known.has(key)) {
      const ended = find(word.includes("_") ? word : stem(word));
      const there = new Set(ended.map(({ id }) => id));
      const begun = typing ? find(word, { prefix: true }) : [];
      known.set(key, [...ended, ...begun.filter(({ id }) => !there.has(id))]);
    }
    return known.get(key);
  };
  // A word that is nowhere, not even as a beginning, is mistyped.
  const groups = phrases.map((group) => group.map(tell));
  const said = new Set(groups.flat(2));
  const mend = (word, typing) => {
    if (said.has(word) || look(word, typing).length) return word;
    return find(word, { fuzzy: 0.2 })[0]?.terms[0] ?? word;
  };

  // The ways to say what was typed: as it stands, or with one phrase for another.
  const sign = (words) => words.map(stem).join(" ");
  const readings = (words) => {
    const found = [words];
    for (const group of groups) {
      for (const phrase of group) {
        words.forEach((_, at) => {
          const end = at + phrase.length;
          if (sign(words.slice(at, end)) !== sign(phrase)) return;
          for (const other of group) {
            if (other === phrase) continue;
            found.push([...words.slice(0, at), ...other, ...words.slice(end)]);
          }
        });
      }
    }
    return found;
  };

  // A place that is called by all these words, and no others, comes first. The parts of a
  // function's name are no words that call it.
  const called = places.map(({ kind, title, names }) => {
    const all = kind === "name" ? [] : [title, title.split(/[:,]/)[0], ...names];
    return new Set(all.map((name) => sign(tell(name).sort())));
  });
  const score = (words, typing, typed) => {
    const sums = new Map();
    words.forEach((word, i) => {
      for (const { id, score, terms } of look(word, typing && i === words.length - 1)) {
        const sum = sums.get(id) ?? { score: 0, words: 0, terms: [] };
        sum.score += score;
        sum.words += 1;
        sum.terms.push(...terms);
        sums.set(id, sum);
      }
    });
    const name = sign([...words].sort());
    for (const [id, sum] of sums) {
      sum.score *= (typed / words.length) * (sum.words / words.length) ** 2;
      if (called[id].has(name)) sum.score *= 3;
    }
    return sums;
  };

  const texts = [];
  const textOf = (at) => {
    const { title, names, text } = places[at];
    texts[at] ??= split([title, ...names, text].join(" "));
    return texts[at];
  };
  const quotes = (at, message) => ` ${textOf(at).join(" ")} `.includes(` ${message} `);
  const wordsOf = (at, terms) =>
    [...new Set(textOf(at))].filter((word) => terms.includes(word) || terms.includes(stem(word)));

  return (query, most) => {
    const typing = /\S$/.test(query);
    const told = tell(query);
    const meant = told.map((word, i) => mend(word, typing && i === told.length - 1));
    const best = new Map();
    readings(meant).forEach((words, i) => {
      for (const [at, sum] of score(words, typing, meant.length)) {
        const before = best.get(at) ?? { score: 0, terms: [] };
        sum.score = Math.max(before.score, i ? 0.9 * sum.score : sum.score);
        sum.terms.push(...before.terms);
        best.set(at, sum);
      }
    });
    // Who pastes a message looks for the place that quotes it, and who types a name for that name.
    const [name, message] = [query.trim(), split(query)];
    for (const [at, sum] of best) {
      if (message.length > 3 && quotes(at, message.join(" "))) sum.score *= 4;
      if (places[at].kind === "name" && places[at].title === name) sum.score *= 4;
    }
    return [...best]
      .sort(([, a], [, b]) => b.score - a.score)
      .slice(0, most)
      .map(([at, { score, terms }]) => ({ ...places[at], score, words: wordsOf(at, terms) }));
  };
})();
