// Texts that nobody thought of.

/** Whatever can stand in an address, in no order. */
export function scribble(random, length) {
  const pieces = [..."/./.%?&=+:;@~_-a1Z", "..", "//", "%2e", "%2F", "%41", "%", "%zz", "%C3%A9", "é", "\\", " ", "%20", "tickets", "\u{1f600}", "|", "\""];
  return Array.from({ length: random.below(length) }, () => random.one(pieces)).join("");
}

/** The same text with a few characters changed, taken out, put in or doubled. */
export function scratched(random, text) {
  const characters = [...text];
  for (let left = random.between(1, 3); left > 0; left -= 1) {
    const at = random.below(characters.length);
    const other = random.one([..."~_=&a1Z0-. ", characters[at]]);
    random.one([
      () => characters.splice(at, 1),
      () => characters.splice(at, 1, other),
      () => characters.splice(at, 0, other),
      () => characters.splice(at, 0, ...characters.slice(at, at + random.below(12))),
    ])();
  }
  return characters.join("");
}
