// Takes the steps out of a document: fenced blocks with a title, in their order. A block of `sh`
// is typed into the terminal of that name, line by line; any other is a file of that name.

const FENCE = /^```(\w+)(?: title="([^"]+)")?\n([\s\S]*?)^```$/gm;

/** `{ terminal, lines }` or `{ file, text }` for each titled block. */
export function stepsOf(markdown) {
  return [...markdown.matchAll(FENCE)]
    .filter(([, , title]) => title !== undefined)
    .map(([, language, title, text]) =>
      language === "sh"
        ? { terminal: title, lines: text.trim().split("\n") }
        : { file: title, text },
    );
}
