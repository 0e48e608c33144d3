// Takes the steps out of a document: fenced blocks with a title, in their order. A block of `sh`
// is typed into the terminal of that name, line by line; any other is a file of that name. A block
// `with="…"` belongs to that way through the document only.

const FENCE = /^```(\w+)(?: title="([^"]+)")?(?: with="([^"]+)")?\n([\s\S]*?)^```$/gm;

/** `{ terminal, lines }` or `{ file, text }` for each titled block of a way. */
export function stepsOf(markdown, way) {
  return [...markdown.matchAll(FENCE)]
    .filter(([, , title, only]) => title !== undefined && (only === undefined || only === way))
    .map(([, language, title, , text]) =>
      language === "sh"
        ? { terminal: title, lines: text.trim().split("\n") }
        : { file: title, text },
    );
}
